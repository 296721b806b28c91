"""A filter: {% load as_written %}{{ note|truncatechars:140|as_written }} or {{ note|as_written|linebreaksbr }}."""

from django import template

from labeling.base.as_written import as_written

register = template.Library()
register.filter(as_written)

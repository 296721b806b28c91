"""{% load row_names %}{{ row|row_name }}: what a row of the database is called, in the reader's language."""

from django import template

from labeling.base.admin.row_names import name_of

register = template.Library()
register.filter("row_name", name_of)

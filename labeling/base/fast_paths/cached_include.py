"""Includes a template that is the same for everybody who reads the same language, and draws it once.

    {% load cached_include %}{% cached_include "desk/ranking/parts/keys.html" k=page.completions|length %}

What is included is drawn once for each language and each value of what is named, and kept by the process. It sees only
what is named, so nothing of one labeler can reach another. Half of a page of work is words and icons.
"""

from typing import Any

from django import template
from django.template.base import FilterExpression, Parser, Token, token_kwargs
from django.template.context import Context
from django.utils.safestring import SafeString
from django.utils.translation import get_language

register = template.Library()


class CachedInclude(template.Node):
    def __init__(self, name: FilterExpression, named: dict[str, FilterExpression]) -> None:
        self.name = name
        self.named = named
        self.drawn: dict[tuple[Any, ...], SafeString] = {}

    def render(self, context: Context) -> SafeString:
        known = {name: expression.resolve(context) for name, expression in self.named.items()}
        key = (get_language(), *known.values())
        if key not in self.drawn:
            assert context.template is not None
            included = context.template.engine.get_template(self.name.resolve(context))
            self.drawn[key] = included.render(context.new(known))
        return self.drawn[key]


@register.tag
def cached_include(parser: Parser, token: Token) -> CachedInclude:
    _, *bits = token.split_contents()
    if not bits:
        raise template.TemplateSyntaxError("cached_include takes the name of a template.")
    name = parser.compile_filter(bits.pop(0))
    named = token_kwargs(bits, parser)
    if bits:
        raise template.TemplateSyntaxError(f"cached_include takes name=value only, not {' '.join(bits)}.")
    return CachedInclude(name, named)

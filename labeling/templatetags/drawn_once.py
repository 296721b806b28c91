"""Parts of a page that are the same for everybody who reads the same language.

    {% load drawn_once %}{% drawnonce k=page.completions|length %} … {% enddrawnonce %}

What is inside is drawn once for each language and each value of what is named, and kept by the process. It knows
nothing but what is named, so nothing of one labeler can reach another. Half of a page of work is words and icons.
"""

from typing import Any

from django import template
from django.template.base import FilterExpression, NodeList, Parser, Token, token_kwargs
from django.template.context import Context
from django.utils.safestring import SafeString
from django.utils.translation import get_language

register = template.Library()


class DrawnOnce(template.Node):
    def __init__(self, nodelist: NodeList, named: dict[str, FilterExpression]) -> None:
        self.nodelist = nodelist
        self.named = named
        self.drawn: dict[tuple[Any, ...], SafeString] = {}

    def render(self, context: Context) -> SafeString:
        known = {name: expression.resolve(context) for name, expression in self.named.items()}
        key = (get_language(), *known.values())
        if key not in self.drawn:
            self.drawn[key] = self.nodelist.render(context.new(known))
        return self.drawn[key]


@register.tag
def drawnonce(parser: Parser, token: Token) -> DrawnOnce:
    bits = token.split_contents()[1:]
    named = token_kwargs(bits, parser)
    if bits:
        raise template.TemplateSyntaxError(f"drawnonce takes name=value only, not {' '.join(bits)}.")
    nodelist = parser.parse(("enddrawnonce",))
    parser.delete_first_token()
    return DrawnOnce(nodelist, named)

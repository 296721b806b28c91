"""What programs send to the API: read strictly, so that nothing of it is dropped without a word."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class ShallowJSONParser(JSONParser):
    """Refuses JSON that is nested too deeply for Python's parser, in words."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError as deep:
            raise ParseError("The JSON is nested too deeply to be read.") from deep


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses keys that it has no field for, by name: a misspelt one must not lose data."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [str(key) for key in data if key not in self.fields]
            if unknown:
                known = ", ".join(self.fields)
                raise serializers.ValidationError(
                    {key: [f"There is no such key; the keys are {known}."] for key in unknown}
                )
        return super().to_internal_value(data)

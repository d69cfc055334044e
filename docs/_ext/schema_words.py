"""What a value may be, in words, from its JSON schema."""

from collections.abc import Callable
from typing import Any

Schema = dict[str, Any]
Link = Callable[[str], str]  # from the name of a spec class to what is shown of it

SIMPLE = {"boolean": "true or false", "null": "null", "string": "text", "object": "mapping"}
LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def in_words(schema: Schema, link: Link) -> str:
    """What this schema allows; `link` says how a spec that it refers to is shown."""
    if "$ref" in schema:
        return link(schema["$ref"].rpartition("/")[2])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            # those that are nothing come last, and members of one family are shown once
            parts = sorted(schema[key], key=lambda one: one.get("type") == "null")
            return _either(list(dict.fromkeys(in_words(one, link) for one in parts)))
    if "const" in schema or "enum" in schema:
        return _either([f"`{value}`" for value in schema.get("enum", [schema.get("const")])])
    kind = schema.get("type", "any")
    if kind == "array":
        return _list(schema, link)
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        inside = in_words(schema["additionalProperties"], link)
        return "mapping" if inside == "any value" else f"mapping of names to {inside}"
    if kind in ("integer", "number"):
        limits = [f"{sign} {schema[limit]:g}" for limit, sign in LIMITS.items() if limit in schema]
        return " ".join(["whole number" if kind == "integer" else "number", " and ".join(limits)]).strip()
    if "pattern" in schema:
        return f"text that matches `{schema['pattern']}`"
    return SIMPLE.get(kind, "any value")


def _list(schema: Schema, link: Link) -> str:
    items = in_words(schema.get("items", {}), link)
    empty = "" if not schema.get("minItems") else f", at least {schema['minItems']}"
    return f"list{'' if items == 'any value' else f' of {items}'}{empty}"


def _either(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} or {parts[-1]}"

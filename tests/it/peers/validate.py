"""Holds reports against the schema: validate.py SCHEMA FILE..., where a name in .jsonl is read line by line.

The schema lets fields be added. Here every field must be described, so that none is added in silence.
"""

import json
import sys

import jsonschema

with open(sys.argv[1]) as file:
    schema = json.load(file)


def close(node):
    if isinstance(node, dict):
        if "properties" in node:
            node.setdefault("unevaluatedProperties", False)
        for name, value in node.items():
            # What an object is composed of is closed as a whole.
            if name != "allOf":
                close(value)
    elif isinstance(node, list):
        for value in node:
            close(value)


jsonschema.Draft202012Validator.check_schema(schema)
open_parts = {"header": schema["$defs"]["header"], "build": schema["$defs"]["build"]}
closed = json.loads(json.dumps(schema))
close(closed)
for name, part in open_parts.items():
    # Closed where they stand alone, open where something is composed of them.
    closed["$defs"]["open_" + name] = part
text = json.dumps(closed)
closed = json.loads(
    text.replace('"allOf": [{"$ref": "#/$defs/', '"allOf": [{"$ref": "#/$defs/open_')
)
documents = jsonschema.Draft202012Validator(closed)
lines = jsonschema.Draft202012Validator({"$ref": "#/$defs/line", "$defs": closed["$defs"]})

for path in sys.argv[2:]:
    with open(path, encoding="utf-8", newline="\n") as file:
        if path.endswith(".jsonl"):
            for number, line in enumerate(file, 1):
                lines.validate(json.loads(line))
        else:
            documents.validate(json.load(file))
    print(f"valid: {path}")

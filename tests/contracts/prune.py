"""Cut GitHub's published API descriptions down to the parts that are used.

    python -m tests.contracts.prune rest DESCRIPTION.json > tests/contracts/github-rest.json
    python -m tests.contracts.prune graphql SCHEMA.graphql > tests/contracts/github.graphql

README.md says where the descriptions are published. Prose, examples, other endpoints and other
types are left out.
"""

import json
import sys
from pathlib import Path
from typing import Any

import graphql

from tests.standins.github_schema import SDL

PATHS = (
    "/rate_limit",
    "/repos/{owner}/{repo}",
    "/repos/{owner}/{repo}/commits",
    "/repos/{owner}/{repo}/contributors",
)
"""The REST endpoints that are requested or that the stand-in serves, all with GET."""

_PROSE = frozenset({"description", "example", "examples", "externalDocs", "summary", "title"})


def prune_rest(text: str) -> str:
    """Return the parameters and response schemas of PATHS.

    ``text`` is the dereferenced OpenAPI 3.0 description, as JSON.
    """
    document = json.loads(text)
    paths = {path: {"get": _prune_operation(document["paths"][path]["get"])} for path in PATHS}
    info = {key: document["info"][key] for key in ("title", "version", "license")}
    pruned = {"openapi": document["openapi"], "info": info, "paths": paths}
    return json.dumps(pruned, indent=1) + "\n"


def _prune_operation(operation: dict[str, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, response in operation["responses"].items():
        content = response.get("content", {}).get("application/json")
        schema = content and {"application/json": {"schema": _prune_schema(content["schema"])}}
        responses[status] = {"content": schema} if schema else {}
    return {
        "parameters": [
            {key: parameter[key] for key in ("name", "in")}
            | {"schema": _prune_schema(parameter["schema"])}
            for parameter in operation.get("parameters", ())
        ],
        "responses": responses,
    }


def _prune_schema(node: Any) -> Any:
    """Return a schema without prose. The names of properties are not keywords: they all stay."""
    if isinstance(node, list):
        return [_prune_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    pruned = {}
    for key, value in node.items():
        if key == "properties":
            pruned[key] = {name: _prune_schema(schema) for name, schema in value.items()}
        elif key in {"enum", "default", "required"}:
            pruned[key] = value
        elif key not in _PROSE:
            pruned[key] = _prune_schema(value)
    return pruned


def prune_graphql(text: str) -> str:
    """Return the types that the stand-in serves, which are those that queries reach.

    ``text`` is the whole schema in SDL. A field or an argument stays if its type does.
    """
    served = {
        definition.name.value
        for definition in graphql.parse(SDL).definitions
        if isinstance(definition, graphql.TypeDefinitionNode)
    }
    definitions = graphql.parse(text, no_location=True).definitions
    return "\n".join(
        _print_type(definition, served)
        for definition in definitions
        if isinstance(definition, graphql.TypeDefinitionNode) and definition.name.value in served
    )


def _print_type(definition: graphql.TypeDefinitionNode, served: set[str]) -> str:
    name = definition.name.value
    if isinstance(definition, graphql.ScalarTypeDefinitionNode):
        return f"scalar {name}\n"
    if isinstance(definition, graphql.EnumTypeDefinitionNode):
        members = [value.name.value for value in definition.values or ()]
        return "\n  ".join((f"enum {name} {{", *members)) + "\n}\n"
    assert isinstance(
        definition, graphql.ObjectTypeDefinitionNode | graphql.InterfaceTypeDefinitionNode
    )
    kind = "type" if isinstance(definition, graphql.ObjectTypeDefinitionNode) else "interface"
    interfaces = " & ".join(
        interface.name.value
        for interface in definition.interfaces or ()
        if interface.name.value in served
    )
    known = served | set(graphql.specified_scalar_types)
    # By name, as GitHub's schema has two fields twice.
    fields = {
        field.name.value: _print_field(field, known)
        for field in definition.fields or ()
        if _type_name(field) in known
    }
    head = f"{kind} {name} implements {interfaces} {{" if interfaces else f"{kind} {name} {{"
    return "\n  ".join((head, *fields.values())) + "\n}\n"


def _print_field(field: graphql.FieldDefinitionNode, known: set[str]) -> str:
    arguments = []
    for argument in field.arguments or ():
        if _type_name(argument) in known:
            default = argument.default_value
            suffix = f" = {graphql.print_ast(default)}" if default else ""
            arguments.append(f"{argument.name.value}: {graphql.print_ast(argument.type)}{suffix}")
    given = f"({', '.join(arguments)})" if arguments else ""
    return f"{field.name.value}{given}: {graphql.print_ast(field.type)}"


def _type_name(node: graphql.FieldDefinitionNode | graphql.InputValueDefinitionNode) -> str:
    return graphql.print_ast(node.type).strip("[]!")


if __name__ == "__main__":
    kind, path = sys.argv[1:]
    prune = {"rest": prune_rest, "graphql": prune_graphql}[kind]
    sys.stdout.write(prune(Path(path).read_text(encoding="utf-8")))

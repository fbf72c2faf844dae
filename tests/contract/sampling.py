"""Says what the wire check and the model of two generated packages make of each sample: a program of its own."""

from __future__ import annotations

import importlib
import json
import sys

import msgspec


def main() -> None:
    """Reads `[class, wire type, text]` lists from the standard input, and writes `[wire, model]` for each."""
    wire = importlib.import_module("meshapi_video_wire")
    models = importlib.import_module("meshapi_video_generated.models")
    results: list[list[str]] = []
    for class_name, wire_name, text in json.load(sys.stdin):
        value = json.loads(text)
        try:
            msgspec.convert(value, getattr(wire, wire_name))
            checked = "ok"
        except msgspec.ValidationError:
            checked = "refused"
        except Exception as error:  # noqa: BLE001 - the report shows it
            checked = repr(error)
        try:
            back = getattr(models, class_name).from_dict(json.loads(text)).to_dict()
            results.append([checked, "same" if back == value else f"changed to {back}"])
        except Exception as error:  # noqa: BLE001 - the report shows it
            results.append([checked, repr(error)])
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()

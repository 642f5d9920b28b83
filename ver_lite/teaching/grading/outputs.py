"""What a cell printed and showed, as text and PNG pictures alone, so that nothing in a page can run."""

from __future__ import annotations

import base64
from typing import Any

MOST = 200  # outputs of one cell


def plain_outputs(outputs: Any, most: int = 20_000) -> list[dict[str, str]]:
    """Each output as `{"kind": ..., "data": ...}`, with at most `most` characters of text in all. The rest is left out.

    The outputs come from a stranger's kernel, so the type of every part is checked before it is used.
    """
    plain, room = [], most
    for output in outputs[:MOST] if isinstance(outputs, list) else []:
        data = output.get("data")
        data = data if isinstance(data, dict) else {}
        if isinstance(picture := data.get("image/png"), str) and _is_png(picture):
            plain.append({"kind": "picture", "data": "".join(picture.split())})
            continue
        if output.get("output_type") == "error":
            text = f"{_flat(output.get('ename'))}: {_flat(output.get('evalue'))}"
        else:
            text = _flat(output.get("text", data.get("text/plain", "")))
        if text and room > 0:
            plain.append({"kind": "error" if output.get("output_type") == "error" else "text", "data": text[:room]})
            room -= len(text)
    return plain


def _flat(text: Any) -> str:
    parts = text if isinstance(text, list) else [text]
    return "".join(part for part in parts if isinstance(part, str))


def _is_png(text: str) -> bool:
    try:
        return base64.b64decode(text).startswith(b"\x89PNG\r\n\x1a\n")
    except ValueError:
        return False

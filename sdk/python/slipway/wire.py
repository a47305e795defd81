"""JSON-RPC lines: what an answer that is an error says, and what a request must have."""

from __future__ import annotations

import json
from typing import Any, Dict, Mapping, Optional

# A state of 1 MiB as a text in it, and what stands beside it.
LINE_BYTES_MAX = 4 * 1024 * 1024

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
ALGORITHM_ERROR = -32000


class RpcError(Exception):
    """An answer that is an error, with its code."""

    def __init__(self, code: int, message: str, data: Optional[Mapping[str, Any]] = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


def needed(params: Mapping[str, Any], name: str) -> Any:
    """One of the params."""
    if name not in params:
        raise RpcError(INVALID_PARAMS, f"{name} is missing")
    return params[name]


def error_line(identifier: Any, error: RpcError) -> bytes:
    """The line that says it."""
    body: Dict[str, Any] = {"code": error.code, "message": str(error)}
    if error.data is not None:
        body["data"] = error.data
    return json.dumps({"jsonrpc": "2.0", "id": identifier, "error": body}).encode() + b"\n"

#!/usr/bin/env python3
"""Over-purchased orders of a file of trades, with bytewax: `bytewax_auditor.py TRADES ALERTS`."""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import bytewax.operators as op
from bytewax.connectors.files import FileSink, FileSource
from bytewax.dataflow import Dataflow
from bytewax.testing import cluster_main


@dataclass
class Book:
    limit: int | None = None
    purchased: int = 0
    counted: set = field(default_factory=set)
    alerted: bool = False


def order_id(trade):
    return trade.get("initial_order_id", trade["id"])


def apply(book, trade):
    """The book after a trade, and the alert that comes of it, if one does."""
    if book is None:
        book = Book()
    if "initial_order_id" not in trade:
        book.limit = trade["#shares"]
    elif trade["id"] not in book.counted:
        book.counted.add(trade["id"])
        book.purchased += trade["#shares"]
    if book.alerted or book.limit is None or book.purchased <= book.limit:
        return book, None
    book.alerted = True
    alert = {
        "order_id": order_id(trade),
        "client": trade["client"],
        "stock": trade["stock"],
        "requested": book.limit,
        "purchased": book.purchased,
    }
    return book, alert


def flow(trades, alerts):
    flow = Dataflow("over_purchase")
    lines = op.input("trades", flow, FileSource(trades, batch_size=1000))
    parsed = op.map("parse", lines, json.loads)
    orders = op.key_on("order", parsed, order_id)
    books = op.stateful_map("books", orders, apply)
    raised = op.filter("raised", books, lambda keyed: keyed[1] is not None)
    written = op.map_value("write", raised, json.dumps)
    op.output("alerts", written, FileSink(alerts))
    return flow


if __name__ == "__main__":
    cluster_main(flow(Path(sys.argv[1]), Path(sys.argv[2])), [], 0)

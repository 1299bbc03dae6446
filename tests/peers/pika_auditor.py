#!/usr/bin/env python3
"""An auditor as the challenge's own scripts suggest it: pika, one trade a message.

    ALDEBARAN_AMQP_URL=amqp://... pika_auditor.py

Consumes Aldebaran.Trade_Data, keeps a book for each order in a dictionary, and publishes an alert
to Aldebaran.Alert when an order's purchases exceed its request. What it acknowledged is gone: it
has no log, books never end, and kill -9 loses them.
"""

import json
import os
import sys
import uuid

import pika

QUEUE = "Aldebaran.Trade_Data"
EXCHANGE = "Aldebaran.Alert"
PREFETCH = 1000
ACK_EVERY = 100

NAMESPACE = uuid.UUID("2b9f4a51-77c6-4d0e-9a35-0c8e51d76e42")


class Book:
    __slots__ = ("limit", "purchased", "counted", "alerted")

    def __init__(self):
        self.limit = None
        self.purchased = 0
        self.counted = set()
        self.alerted = False


def apply(books, trade):
    """The alert that comes of a trade, if one does."""
    order_id = trade.get("initial_order_id", trade["id"])
    book = books.get(order_id)
    if book is None:
        book = books[order_id] = Book()
    if "initial_order_id" not in trade:
        book.limit = trade["#shares"]
    elif trade["id"] not in book.counted:
        book.counted.add(trade["id"])
        book.purchased += trade["#shares"]
    if book.alerted or book.limit is None or book.purchased <= book.limit:
        return None
    book.alerted = True
    return {
        "alert_id": str(uuid.uuid5(NAMESPACE, f"over_purchase:{order_id}")),
        "kind": "over_purchase",
        "order_id": order_id,
        "client": trade["client"],
        "stock": trade["stock"],
        "requested": book.limit,
        "purchased": book.purchased,
        "excess": book.purchased - book.limit,
        "tipped_by": trade["id"],
    }


def main():
    connection = pika.BlockingConnection(
        pika.URLParameters(os.environ["ALDEBARAN_AMQP_URL"])
    )
    channel = connection.channel()
    channel.basic_qos(prefetch_count=PREFETCH)
    persistent = pika.BasicProperties(
        delivery_mode=2, content_type="application/json"
    )
    books = {}

    def receive(channel, method, _properties, body):
        alert = apply(books, json.loads(body))
        if alert is not None:
            channel.basic_publish(
                exchange=EXCHANGE,
                routing_key=f"over_purchase.{alert['client']}.{alert['stock']}",
                body=json.dumps(alert),
                properties=persistent,
            )
        if method.delivery_tag % ACK_EVERY == 0:
            channel.basic_ack(method.delivery_tag, multiple=True)

    channel.basic_consume(QUEUE, receive)
    print("reading", QUEUE, file=sys.stderr, flush=True)
    channel.start_consuming()


if __name__ == "__main__":
    main()

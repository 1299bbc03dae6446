#!/usr/bin/env python3
"""The challenge's own publisher, for today's Python and pika.

About once a second it publishes a purchase request and four purchases, each as one message
with an empty routing key, to the front door: any client in any language can do the same. It
knows nothing of shards, batches or alerts.

    ./trade_data_source.py -s localhost

What changed since 2015: print is a function, xrange is range, `/` no longer rounds down,
`heartbeat_interval` became `heartbeat`, and the pause answers the broker's heartbeats.
"""

import argparse
import json
import os
import random
import sys
import uuid

import pika

EXCHANGE = "Aldebaran.Trade_Data"


def create_purchase_request(limit):
    return {
        "id": str(uuid.uuid4()),
        "#shares": limit,
        "client": "Goldman",
        "stock": "AAPL",
    }


def create_purchase(order_id, shares):
    return {
        "id": str(uuid.uuid4()),
        "initial_order_id": order_id,
        "#shares": shares,
        "client": "Goldman",
        "stock": "AAPL",
    }


def publish_trade(channel, kind, trade):
    body = json.dumps(trade)
    print(f"{kind}: {body}", flush=True)
    channel.basic_publish(exchange=EXCHANGE, routing_key="", body=body)


def publish(channel):
    limit = random.randint(50, 100)
    amounts = [int(limit // 2 * random.random()) for _ in range(4)]
    request = create_purchase_request(limit)
    publish_trade(channel, "Purchase Request", request)
    for amount in amounts:
        publish_trade(channel, "Purchase", create_purchase(request["id"], amount))


def main():
    parser = argparse.ArgumentParser(
        description="Publish a purchase request and four purchases, again and again.",
        epilog="ALDEBARAN_AMQP_URL=amqp://USER:PASSWORD@HOST:PORT/VHOST names another broker.",
    )
    parser.add_argument(
        "-s", metavar="HOST", help="the broker's name or address (default: localhost)"
    )
    parser.add_argument(
        "--every", metavar="SECONDS", type=float, default=1.0, help="default: 1"
    )
    args = parser.parse_args()
    url = os.environ.get("ALDEBARAN_AMQP_URL", "amqp://guest:guest@localhost:5672/%2f")
    parameters = pika.URLParameters(url)
    parameters.heartbeat = 20
    if args.s:
        parameters.host = args.s
    try:
        connection = pika.BlockingConnection(parameters)
    except pika.exceptions.AMQPError as error:
        sys.exit(f"failed to connect to RabbitMQ on {parameters.host}: {error!r}")
    channel = connection.channel()
    print("Sending trades to RabbitMQ. To exit press Ctrl-C.", file=sys.stderr)
    try:
        while True:
            publish(channel)
            connection.sleep(args.every)
    except KeyboardInterrupt:
        connection.close()
    except pika.exceptions.AMQPError as error:
        sys.exit(f"failed to publish to {EXCHANGE}: {error!r}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Over-purchased orders of a file of trades, with pathway: `pathway_auditor.py TRADES ALERTS`.

In one batch, which is how pathway is fastest: it groups, joins and compares what an order comes
to in the end. An order's purchases are taken to be distinct.
"""

import sys

import pathway as pw


class TradeSchema(pw.Schema):
    trade_id: str
    initial_order_id: str | None = pw.column_definition(default_value=None)
    shares: int
    client: str
    stock: str


def over_purchased(trades):
    requests = trades.filter(trades.initial_order_id.is_none())
    purchases = trades.filter(trades.initial_order_id.is_not_none())
    bought = purchases.groupby(purchases.initial_order_id).reduce(
        order_id=purchases.initial_order_id,
        purchased=pw.reducers.sum(purchases.shares),
    )
    orders = requests.join(bought, requests.trade_id == bought.order_id).select(
        order_id=requests.trade_id,
        client=requests.client,
        stock=requests.stock,
        requested=requests.shares,
        purchased=bought.purchased,
    )
    return orders.filter(orders.purchased > orders.requested)


def main(trades, alerts):
    table = pw.io.jsonlines.read(
        trades,
        schema=TradeSchema,
        mode="static",
        json_field_paths={"trade_id": "/id", "shares": "/#shares"},
    )
    pw.io.jsonlines.write(over_purchased(table), alerts)
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])

"""Writes the demo shop's raw CSV files: the same bytes on every machine, from one fixed number.

    python demo/generate_seeds.py            rewrites the seeds of the projects in this folder
    python demo/generate_seeds.py FOLDER     writes them below another folder, laid out alike

The shop is invented. The flaws are on purpose, since staging models exist to mend them: addresses in mixed case,
statuses in two spellings, payments sent twice, orders placed by the shop's own testers, visitors who sign in late,
and a handful of orders that left the warehouse unpaid (the one test that warns looks for them).
"""

from __future__ import annotations

import csv
import io
import random
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, TypeVar

HERE = Path(__file__).resolve().parent
NUMBER = 20260630
FIRST_DAY = datetime(2025, 1, 1, tzinfo=UTC)
LAST_DAY = datetime(2026, 6, 30, tzinfo=UTC)
DAYS = (LAST_DAY - FIRST_DAY).days

CUSTOMERS = 380
SESSIONS_WITHOUT_ORDER = 640
UNPAID_ORDERS = 7

Item = TypeVar("Item")
Row = Sequence[object]


class Table(NamedTuple):
    """One CSV file: its header and its rows, in the order in which they are written."""

    columns: tuple[str, ...]
    rows: list[Row]


FIRST_NAMES = "Ada Bruno Clara Dario Elin Farid Greta Hugo Ines Jonas Kaja Leon Mira Nils Olga Pavel Quinn Rosa Stig Tove Uma Wanda Zeno"
LAST_NAMES = "Albers Berg Costa Dahl Eriksen Fontaine Gruber Holm Ivanova Jansen Kowalski Lind Moreau Novak Okafor Petit Ricci Torres Weiss"
COUNTRIES = [
    ("DE", "EUR", 30),
    ("FR", "EUR", 22),
    ("ES", "EUR", 12),
    ("IT", "EUR", 9),
    ("GB", "GBP", 13),
    ("SE", "SEK", 8),
    ("PL", "PLN", 6),
]
REGIONS = {
    "DE": ("Germany", "Central Europe", 1900),
    "FR": ("France", "Western Europe", 2000),
    "ES": ("Spain", "Southern Europe", 2100),
    "IT": ("Italy", "Southern Europe", 2200),
    "GB": ("United Kingdom", "Western Europe", 2000),
    "SE": ("Sweden", "Northern Europe", 2500),
    "PL": ("Poland", "Central Europe", 2300),
}
RATES = {"EUR": 1.0, "GBP": 1.17, "SEK": 0.088, "PLN": 0.234}

CATALOGUE = {
    "tents": (["Ridge", "Meadow", "Fjord", "Dune", "Basecamp", "Solo", "Duo", "Storm"], 14900, 52900),
    "sleeping bags": (["Ember", "Feather", "Glacier", "Summer", "Cocoon", "Trail", "Polar", "Junior"], 5900, 27900),
    "backpacks": (["Daypack", "Ascent", "Commuter", "Expedition", "Courier", "Summit", "Junior", "Travel"], 4900, 21900),
    "stoves": (["Spark", "Twin", "Canister", "Alpine", "Wood", "Pocket"], 2900, 13900),
    "lamps": (["Firefly", "Beacon", "Lantern", "Glow", "Headlight", "Candle"], 1500, 8900),
    "clothing": (["Shell", "Fleece", "Merino", "Poncho", "Gaiter", "Mitten", "Beanie", "Legging", "Vest", "Sock"], 1200, 19900),
    "cookware": (["Kettle", "Pan", "Mug", "Spork", "Pot", "Bowl", "Plate", "Grinder"], 700, 6900),
    "hardware": (
        ["Carabiner", "Rope", "Peg set", "Repair kit", "Trowel", "Multitool", "Compass", "Whistle", "Filter", "Map case"],
        500,
        9900,
    ),
}
CAMPAIGNS = {
    "cmp-brand": ("paid_search", 15000),
    "cmp-tents": ("paid_search", 19000),
    "cmp-summer": ("paid_social", 11000),
    "cmp-winter": ("paid_social", 14000),
    "cmp-partners": ("affiliate", 6000),
}
CHANNELS = [
    ("organic_search", 26),
    ("direct", 22),
    ("email", 16),
    ("paid_search", 16),
    ("paid_social", 11),
    ("affiliate", 5),
    ("referral", 4),
]
CHANNEL_CAMPAIGNS = {
    "paid_search": ["cmp-brand", "cmp-tents"],
    "paid_social": ["cmp-summer", "cmp-winter"],
    "affiliate": ["cmp-partners"],
}
SUMMER = (4, 5, 6, 7, 8)
LANDING_PAGES = ["/", "/sale", "/tents", "/backpacks", "/guides/first-hike", "/guides/winter-camp", "/clothing", "/new"]
DEVICES = [("mobile", 56), ("desktop", 36), ("tablet", 8)]
METHODS = [("card", 58), ("paypal", 24), ("bank_transfer", 12), ("gift_card", 6)]
TOPICS = [("delivery", 38), ("return", 24), ("payment", 14), ("product", 18), ("account", 6)]
REASONS = [("wrong_size", 40), ("not_as_described", 18), ("damaged", 16), ("changed_mind", 26)]


class Dice:
    """The few draws that the shop needs, all made of one generator so that their order alone decides the result."""

    def __init__(self, number: int) -> None:
        self._random = random.Random(number)

    def chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self._random.random() * (high - low + 1))

    def one_of(self, items: Sequence[Item]) -> Item:
        return items[int(self._random.random() * len(items))]

    def weighted(self, pairs: Iterable[tuple[Item, int]]) -> Item:
        """One of the items, each as likely as the whole number beside it says."""
        known = list(pairs)
        left = self._random.random() * sum(weight for _, weight in known)
        for item, weight in known:
            left -= weight
            if left < 0:
                return item
        return known[-1][0]

    def moment(self, day: int) -> datetime:
        """A time of day at which people shop, on day number `day` after the first."""
        hour = self.weighted([(hour, 2 + (hour >= 8) * 4 + (hour >= 18) * 6 - (hour >= 23) * 5) for hour in range(24)])
        return FIRST_DAY + timedelta(days=day, hours=hour, minutes=self.between(0, 59), seconds=self.between(0, 59))


def stamp(moment: datetime) -> str:
    """A moment as the shop's database prints it, in UTC and without a zone."""
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def customers(dice: Dice) -> Table:
    """People with an account; every tenth has changed tier since they came."""
    rows: list[Row] = []
    for number in range(1, CUSTOMERS + 1):
        first, last = dice.one_of(FIRST_NAMES.split()), dice.one_of(LAST_NAMES.split())
        email = f"{first}.{last}{number}@example.com"
        email = dice.weighted([(email.lower(), 7), (email, 2), (f" {email.upper()} ", 1)])
        country = dice.weighted([(code, weight) for code, _, weight in COUNTRIES])
        created = dice.moment(int(DAYS * 0.85 * (number - 1) / CUSTOMERS))
        tier = dice.weighted([("bronze", 70), ("silver", 22), ("gold", 8)])
        updated = created + timedelta(days=dice.between(5, 60)) if dice.chance(0.1) else created
        opt_in = dice.weighted([("true", 6), ("false", 3), ("", 1)])
        rows.append((number, first, last, email, country, opt_in, tier, stamp(created), stamp(min(updated, LAST_DAY))))
    columns = ("customer_id", "first_name", "last_name", "email", "country_code", "marketing_opt_in", "tier", "created_at", "updated_at")
    return Table(columns, rows)


def products(dice: Dice) -> Table:
    """The catalogue: prices in cents of a euro, cost between 38 % and 66 % of the price."""
    rows: list[Row] = []
    for category, (names, low, high) in CATALOGUE.items():
        for name in names:
            number = len(rows) + 1
            price = dice.between(low // 100, high // 100) * 100 - 5
            launched = FIRST_DAY.date() - timedelta(days=dice.between(0, 700))
            ended: date | str = FIRST_DAY.date() + timedelta(days=dice.between(300, DAYS)) if dice.chance(0.08) else ""
            sku = f"{category[:3].upper()}-{number:03d}"
            rows.append(
                (number, sku, f"{name} {category.rstrip('s')}", category, price * dice.between(38, 66) // 100, price, launched, ended)
            )
    columns = (
        "product_id",
        "sku",
        "product_name",
        "category",
        "unit_cost_cents",
        "list_price_cents",
        "launched_on",
        "discontinued_on",
    )
    return Table(columns, rows)


class Trade:
    """What the shop writes down while it sells: orders with their items, payments and returns, and the visits before them."""

    def __init__(self, dice: Dice, people: Table, goods: Table) -> None:
        self.dice, self.people, self.goods = dice, people.rows, goods.rows
        self.orders: list[Row] = []
        self.items: list[Row] = []
        self.payments: list[Row] = []
        self.returns: list[Row] = []
        self.visits: list[tuple[datetime, Row]] = []

    def open(self) -> None:
        """Every day of the shop in turn, busier before summer and at the end of the year."""
        for day in range(DAYS + 1):
            month = (FIRST_DAY + timedelta(days=day)).month
            busy = {5: 1.4, 6: 1.6, 7: 1.3, 11: 1.5, 12: 1.7, 1: 0.7, 2: 0.7}.get(month, 1.0) * (0.6 + day / DAYS)
            known = [row for row in self.people if str(row[7]) < stamp(FIRST_DAY + timedelta(days=day))]
            for _ in range(self.dice.between(0, round(2.7 * busy)) if known else 0):
                self.sell(day, known)
        for _ in range(SESSIONS_WITHOUT_ORDER):
            self.browse()

    def sell(self, day: int, known: Sequence[Row]) -> None:
        """One order: a third of the people place most of them."""
        regulars = known[: max(1, len(known) // 3)]
        person = self.dice.one_of(regulars if self.dice.chance(0.55) else known)
        ordered, order_id = self.dice.moment(day), len(self.orders) + 1
        currency = next(code for country, code, _ in COUNTRIES if country == person[4])
        cancelled, fresh = self.dice.chance(0.05), day > DAYS - 6
        status = (
            "cancelled" if cancelled else "placed" if fresh else self.dice.weighted([("completed", 82), ("Shipped", 10), ("shipped", 8)])
        )
        shipping = self.dice.weighted([(0, 30), (490, 50), (990, 20)])
        voucher = self.dice.weighted([("", 80), ("WELCOME10", 8), ("SUMMER", 7), ("FRIENDS", 5)])
        tester = "true" if self.dice.chance(0.01) else "false"
        updated = stamp(ordered + timedelta(hours=self.dice.between(1, 96)))
        self.orders.append((order_id, person[0], stamp(ordered), status, currency, shipping, voucher, tester, updated))
        total = shipping + self.fill(order_id, ordered, currency, voucher, cancelled)
        self.pay(order_id, ordered, total, cancelled, fresh)
        self.visit_before(person, ordered)

    def fill(self, order_id: int, ordered: datetime, currency: str, voucher: str, cancelled: bool) -> int:
        """The lines of an order, priced in its currency; gives their sum in cents of that currency."""
        total = 0
        leaning = self.dice.one_of(list(CATALOGUE))
        for _ in range(self.dice.weighted([(1, 36), (2, 32), (3, 20), (4, 12)])):
            pool = [row for row in self.goods if row[3] == leaning] if self.dice.chance(0.5) else self.goods
            product = self.dice.one_of(pool)
            quantity = self.dice.weighted([(1, 76), (2, 18), (4, 6)])
            price = round(int(str(product[5])) / RATES[currency] / 100) * 100
            discount = price * quantity // 10 if voucher else 0
            item_id = len(self.items) + 1
            self.items.append((item_id, order_id, product[0], quantity, price, discount))
            total += price * quantity - discount
            if not cancelled and self.dice.chance(0.05):
                back = min(ordered + timedelta(days=self.dice.between(4, 28)), LAST_DAY)
                self.returns.append(
                    (len(self.returns) + 1, item_id, self.dice.between(1, quantity), self.dice.weighted(REASONS), stamp(back))
                )
        return total

    def pay(self, order_id: int, ordered: datetime, total: int, cancelled: bool, fresh: bool) -> None:
        """The payments of an order: some fail first, some are reported twice, a few never come."""
        unpaid = not cancelled and not fresh and order_id % 120 == 0 and order_id // 120 <= UNPAID_ORDERS
        if cancelled or unpaid:
            return
        method, paid = self.dice.weighted(METHODS), ordered + timedelta(minutes=self.dice.between(1, 240))
        if self.dice.chance(0.06):
            self.payments.append((len(self.payments) + 1, order_id, method, "failed", total, stamp(paid)))
            paid += timedelta(minutes=self.dice.between(2, 30))
        payment = (len(self.payments) + 1, order_id, method, self.dice.weighted([("success", 8), ("SUCCESS", 2)]), total, stamp(paid))
        self.payments.append(payment)
        if self.dice.chance(0.02):
            self.payments.append(payment)

    def visit_before(self, person: Row, ordered: datetime) -> None:
        """The visits that led to an order; on the first ones the person was often not yet signed in."""
        count = self.dice.weighted([(1, 58), (2, 28), (3, 14)]) if self.dice.chance(0.8) else 0
        for left in reversed(range(count)):
            before = timedelta(minutes=self.dice.between(5, 50), days=left * self.dice.between(1, 9))
            started = ordered - before
            signed_in = person[0] if str(person[7]) < stamp(started) and (left == 0 or self.dice.chance(0.35)) else ""
            self.visit(started, f"v-{int(str(person[0])):05d}", signed_in)

    def browse(self) -> None:
        """A visit that ended without an order; three in ten come from people with an account."""
        known = self.dice.chance(0.3)
        visitor = f"v-{self.dice.between(1, CUSTOMERS):05d}" if known else f"v-{self.dice.between(90000, 90700)}"
        self.visit(self.dice.moment(self.dice.between(0, DAYS)), visitor, "")

    def visit(self, started: datetime, visitor: str, customer_id: object) -> None:
        channel = self.dice.weighted(CHANNELS)
        campaign = self.dice.one_of(CHANNEL_CAMPAIGNS[channel]) if channel in CHANNEL_CAMPAIGNS else ""
        page, device = self.dice.one_of(LANDING_PAGES), self.dice.weighted(DEVICES)
        self.visits.append((started, (visitor, customer_id, stamp(started), channel, campaign, page, self.dice.between(1, 14), device)))

    def sessions(self) -> list[Row]:
        """The visits in order of time, numbered."""
        ordered = sorted(self.visits, key=lambda visit: (visit[0], str(visit[1])))
        return [(number, *row) for number, (_, row) in enumerate(ordered, start=1)]


def ad_spend(dice: Dice) -> Table:
    """What each campaign cost, a row per campaign and week that starts on a Monday."""
    rows: list[Row] = []
    monday = FIRST_DAY.date() - timedelta(days=FIRST_DAY.weekday())
    while monday <= LAST_DAY.date():
        for campaign, (channel, typical) in CAMPAIGNS.items():
            out_of_season = {"cmp-summer": monday.month not in SUMMER, "cmp-winter": monday.month in SUMMER}
            if out_of_season.get(campaign, False):
                continue
            spend = typical * dice.between(60, 140) // 100
            clicks = spend // dice.between(35, 90)
            rows.append((monday, campaign, channel, spend, clicks * dice.between(20, 60), clicks))
        monday += timedelta(days=7)
    return Table(("week_start", "campaign_id", "channel", "spend_cents", "impressions", "clicks"), rows)


def exchange_rates(dice: Dice) -> Table:
    """Euros for one unit of each currency, on the first of each month."""
    rows: list[Row] = []
    for number in range(18):
        month = date(2025 + number // 12, number % 12 + 1, 1)
        for currency, rate in RATES.items():
            drift = 1.0 if currency == "EUR" else 1 + dice.between(-30, 30) / 1000
            rows.append((month, currency, f"{rate * drift:.5f}"))
    return Table(("valid_from", "currency_code", "rate_to_eur"), rows)


def country_regions() -> Table:
    """The countries that the shop delivers to, with the tax rate in hundredths of a percent."""
    return Table(("country_code", "country_name", "region", "vat_basis_points"), [(code, *facts) for code, facts in REGIONS.items()])


def support_desk(dice: Dice) -> dict[str, Table]:
    """The tables of the second project, a help desk: its agents and the tickets that they answer."""
    agents: list[Row] = [(number, name, dice.one_of(["berlin", "lyon"])) for number, name in enumerate(FIRST_NAMES.split()[:8], start=1)]
    tickets: list[Row] = []
    for number in range(1, 421):
        opened = dice.moment(number * DAYS // 421)
        answered = opened + timedelta(minutes=dice.between(4, 2600))
        still_open = dice.chance(0.04)
        closed = "" if still_open else stamp(answered + timedelta(hours=dice.between(1, 130)))
        rating: object = "" if still_open or dice.chance(0.4) else dice.weighted([(5, 44), (4, 30), (3, 14), (2, 7), (1, 5)])
        topic, channel = dice.weighted(TOPICS), dice.weighted([("mail", 6), ("chat", 3), ("phone", 1)])
        tickets.append((number, dice.one_of(agents)[0], topic, channel, stamp(opened), stamp(answered), closed, rating))
    columns = ("ticket_id", "agent_id", "topic", "channel", "opened_at", "first_answer_at", "closed_at", "rating")
    return {"raw_agents": Table(("agent_id", "agent_name", "office"), agents), "raw_tickets": Table(columns, tickets)}


def shop() -> dict[str, Table]:
    """Every raw table of the shop by the name of its seed."""
    dice = Dice(NUMBER)
    people, goods = customers(dice), products(dice)
    trade = Trade(dice, people, goods)
    trade.open()
    orders = ("order_id", "customer_id", "ordered_at", "status", "currency_code", "shipping_cents", "voucher_code", "is_test", "updated_at")
    sessions = (
        "session_id",
        "visitor_id",
        "customer_id",
        "started_at",
        "channel",
        "campaign_id",
        "landing_page",
        "page_views",
        "device",
    )
    return {
        "raw_customers": people,
        "raw_products": goods,
        "raw_orders": Table(orders, trade.orders),
        "raw_order_items": Table(
            ("order_item_id", "order_id", "product_id", "quantity", "unit_price_cents", "discount_cents"), trade.items
        ),
        "raw_payments": Table(("payment_id", "order_id", "method", "status", "amount_cents", "paid_at"), trade.payments),
        "raw_returns": Table(("return_id", "order_item_id", "quantity", "reason", "returned_at"), trade.returns),
        "raw_web_sessions": Table(sessions, trade.sessions()),
        "raw_ad_spend": ad_spend(dice),
        "raw_exchange_rates": exchange_rates(dice),
        "country_regions": country_regions(),
    }


def written(table: Table) -> str:
    """A table as CSV text with newlines of one character."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(table.rows)
    return text.getvalue()


def write(folder: Path) -> dict[str, int]:
    """Writes every table as `<name>.csv` into the seeds of its project below `folder`; gives the rows of each path."""
    counts: dict[str, int] = {}
    for project, tables in {"project": shop(), "projects/dbt-core": support_desk(Dice(NUMBER + 1))}.items():
        for name, table in tables.items():
            path = folder / project / "seeds" / f"{name}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(written(table), encoding="utf-8", newline="\n")
            counts[str(path.relative_to(folder))] = len(table.rows)
    return counts


if __name__ == "__main__":
    rows = write(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
    print(f"{sum(rows.values())} rows in {len(rows)} files")
    for name, count in rows.items():
        print(f"{count:6d}  {name}")

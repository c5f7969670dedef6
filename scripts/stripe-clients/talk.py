"""Lets clients that are not ours speak with both sides of the payment seam. Run by the Rust tests, with the Python of
scripts/setup-stripe-clients.sh. Input and output are JSON.

  talk.py calls URL KEY    every call of the provider's own client against a stand-in; each surprise is an error
  talk.py verify           {header, body, secret} -> {event} as the provider's own client judges it, or {error}
  talk.py sign             {body, secret, at} -> {header} as the provider's own client signs
  talk.py encode           {parameters} -> {form} as the provider's own client writes it
  talk.py nest             {form} -> {parameters} as localstripe reads it
  talk.py localstripe PORT serves localstripe until it is killed
"""

import json
import sys
from urllib.parse import urlencode

import stripe

ITEM = {
    "quantity": 2,
    "price_data": {"currency": "eur", "unit_amount": 1050, "product_data": {"name": "Stalls A-1 & A-2 <b>é</b>"}},
}


def new_session(client, reference, key=None, **more):
    parameters = {
        "mode": "payment",
        "line_items": [ITEM],
        "success_url": "http://127.0.0.1:1/done?session={CHECKOUT_SESSION_ID}&a=1",
        "cancel_url": "http://127.0.0.1:1/cancel",
        "client_reference_id": reference,
        "metadata": {"hold": reference},
        "payment_intent_data": {"metadata": {"hold": reference}},
        **more,
    }
    return client.v1.checkout.sessions.create(parameters, {"idempotency_key": key} if key else {})


def refused(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"expected {kind.__name__}")


def press(url, verb):
    """Presses a button of the pay page; returns where the buyer is sent."""
    import requests

    answer = requests.post(f"{url}/{verb}", allow_redirects=False, timeout=10)
    assert answer.status_code == 303, answer.status_code
    return answer.headers["location"]


def calls(url, key):
    client = stripe.StripeClient(key, base_addresses={"api": url}, max_network_retries=0)
    sessions, refunds = client.v1.checkout.sessions, client.v1.refunds

    first = new_session(client, "hold-1", "key-1")
    assert (first.object, first.status, first.payment_status) == ("checkout.session", "open", "unpaid"), first
    assert (first.amount_total, first.currency, first.livemode) == (2100, "eur", False), first
    assert first.url.startswith(url) and first.metadata["hold"] == "hold-1", first
    assert new_session(client, "hold-1", "key-1").id == first.id
    error = refused(stripe.IdempotencyError, lambda: new_session(client, "hold-2", "key-1"))
    assert error.http_status == 400, error.http_status
    assert sessions.retrieve(first.id).client_reference_id == "hold-1"

    location = press(first.url, "pay")
    assert location == f"http://127.0.0.1:1/done?session={first.id}&a=1", location
    paid = sessions.retrieve(first.id)
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None), paid
    error = refused(stripe.InvalidRequestError, lambda: sessions.expire(first.id))
    assert error.http_status == 400, error.http_status

    payment = client.v1.payment_intents.retrieve(paid.payment_intent)
    assert (payment.status, payment.amount_received, payment.metadata["hold"]) == ("succeeded", 2100, "hold-1")
    charge = client.v1.charges.retrieve(payment.latest_charge)
    assert charge.paid and charge.captured and not charge.refunded, charge

    part = refunds.create({"payment_intent": paid.payment_intent, "amount": 600}, {"idempotency_key": "refund-1"})
    assert (part.amount, part.status, part.charge) == (600, "succeeded", charge.id), part
    again = refunds.create({"payment_intent": paid.payment_intent, "amount": 600}, {"idempotency_key": "refund-1"})
    assert again.id == part.id
    error = refused(
        stripe.InvalidRequestError, lambda: refunds.create({"payment_intent": paid.payment_intent, "amount": 1501})
    )
    assert error.param == "amount", error.param
    rest = refunds.create({"charge": charge.id, "reason": "requested_by_customer"})
    assert rest.amount == 1500, rest
    error = refused(stripe.InvalidRequestError, lambda: refunds.create({"payment_intent": paid.payment_intent}))
    assert error.code == "charge_already_refunded", error.code
    assert client.v1.charges.retrieve(charge.id).refunded

    ended = sessions.expire(new_session(client, "hold-3").id)
    assert ended.status == "expired", ended
    error = refused(stripe.InvalidRequestError, lambda: sessions.retrieve("cs_test_none"))
    assert (error.http_status, error.code) == (404, "resource_missing"), (error.http_status, error.code)
    error = refused(stripe.InvalidRequestError, lambda: new_session(client, "hold-4", mode="setup"))
    assert error.param == "mode", error.param

    for number in range(12):
        press(new_session(client, f"more-{number}").url, "pay")
    all_charges = [charge.id for charge in client.v1.charges.list({"limit": 5}).auto_paging_iter()]
    assert len(all_charges) == len(set(all_charges)) == 13 and all_charges[-1] == charge.id, all_charges
    assert [refund.id for refund in client.v1.refunds.list({"limit": 1}).auto_paging_iter()] == [rest.id, part.id]

    wrong = stripe.StripeClient("sk_test_wrong", base_addresses={"api": url}, max_network_retries=0)
    error = refused(stripe.AuthenticationError, lambda: new_session(wrong, "hold-5"))
    assert error.http_status == 401, error.http_status
    return {"session": first.id}


def verify(given):
    try:
        event = stripe.Webhook.construct_event(given["body"], given["header"], given["secret"])
    except (stripe.SignatureVerificationError, ValueError) as error:
        return {"error": type(error).__name__}
    return {"event": event["id"], "type": event["type"], "object": event["data"]["object"]["id"]}


def sign(given):
    signature = stripe.WebhookSignature._compute_signature(f"{given['at']}.{given['body']}", given["secret"])
    return {"header": f"t={given['at']},v1={signature}"}


def encode(given):
    return {"form": urlencode(list(stripe._encode._api_encode(given["parameters"])))}


def nest(given):
    from urllib.parse import parse_qsl

    from localstripe.server import unflatten_data
    from multidict import MultiDict

    return {"parameters": unflatten_data(MultiDict(parse_qsl(given["form"], keep_blank_values=True)))}


def localstripe(port):
    from aiohttp import web
    from localstripe.resources import store
    from localstripe.server import app

    # It would write to a file that all who run it on this machine share.
    type(store).dump_to_disk = lambda self: None
    web.run_app(app, host="127.0.0.1", port=int(port), print=None)


if __name__ == "__main__":
    command, arguments = sys.argv[1], sys.argv[2:]
    if command == "localstripe":
        localstripe(*arguments)
    else:
        needs_input = command != "calls"
        result = globals()[command](*([json.load(sys.stdin)] if needs_input else arguments))
        json.dump(result, sys.stdout)

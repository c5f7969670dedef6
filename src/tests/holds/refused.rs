//! Bad requests to every route of holds. Each gets the documented answer, and changes nothing.

use onsale::model::hold::Hold;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Guest, ga, guest::path, on_both_databases, state};
use crate::support::{Ask, STRATEGIES, Setup, TestApp, general_admission, seated};

const ABSENT: &str = "/api/v1/holds/0190a5c8-7e1b-7abc-8def-0123456789ab";

/// Wishes that make no sense, in a sale with the tiers `floor` and `ga`.
fn senseless() -> Vec<(Value, u16, &'static str)> {
    let item = |quantity: Value| json!({ "items": [{ "tier": "ga", "quantity": quantity }] });
    let row: Vec<String> = (1..=101).map(|number| format!("A-{number}")).collect();
    let of = |tier: &str| json!({ "tier": tier, "quantity": 1 });
    let invalid = [
        json!({}),
        json!([]),
        json!(null),
        json!("A-1"),
        json!({ "seats": [] }),
        json!({ "items": [] }),
        json!({ "seats": [], "items": [] }),
        json!({ "seats": null }),
        json!({ "items": null }),
        json!({ "best": null }),
        json!({ "max_total": 5 }),
        json!({ "seats": ["A-1"], "max_total": null }),
        json!({ "seats": ["A-1"], "max_total": -1 }),
        json!({ "seats": ["A-1"], "on_conflict": "steal" }),
        json!({ "seats": ["A-1"], "on_conflict": null }),
        json!({ "seats": ["A-1"], "items": [] }),
        json!({ "seats": [], "best": of("floor") }),
        json!({ "seats": ["A-1", "A-1"] }),
        json!({ "seats": "A-1" }),
        json!({ "seats": [7] }),
        json!({ "seats": row }),
        json!({ "seat": "A-1" }),
        json!({ "tier": "ga", "quantity": 1 }),
        json!({ "items": [of("ga"), of("ga")] }),
        json!({ "items": [of("floor")], "best": of("floor") }),
        json!({ "items": [["ga", 1]] }),
        json!({ "items": [{ "tier": "ga" }] }),
        json!({ "items": [{ "quantity": 1 }] }),
        json!({ "items": [{ "tier": "ga", "quantity": 1, "price": 1 }] }),
        json!({ "items": of("ga") }),
        json!({ "items": [of("ga")], "best": { "tier": "floor", "quantity": 100 } }),
        json!({ "best": [of("floor")] }),
        json!({ "best": { "tier": "floor", "quantity": 0 } }),
        json!({ "seats": ["A-1"], "price": 1 }),
        item(json!(0)),
        item(json!(-1)),
        item(json!(101)),
        item(json!(1.5)),
        item(json!("2")),
        item(json!(null)),
        item(json!(9_223_372_036_854_775_808_u64)),
    ];
    let unknown = [
        json!({ "seats": ["Z-1"] }),
        json!({ "seats": ["A-1", "A-1", "Z-1"] }),
        json!({ "items": [of("vip")] }),
        json!({ "best": of("vip") }),
    ];
    let named = |code, status| move |body| (body, status, code);
    invalid.into_iter().map(named("invalid", 422)).chain(unknown.into_iter().map(named("not-found", 404))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_that_makes_no_sense_is_refused_and_changes_nothing() {
    on_both_databases(async |app| {
        for strategy in STRATEGIES {
            let sale = app.sale(strategy, &[seated(2, 101), general_admission(200)]).await;
            let guest = Guest::new(app).await;
            let hold = guest.hold(&sale, json!({ "seats": ["B-1"], "items": [{ "tier": "ga", "quantity": 2 }] })).await;
            let before = state(app, &sale).await;
            for (body, status, code) in senseless() {
                guest.take(&sale, body.clone()).await.expect_problem(status, code);
                guest.change(&hold, body).await.expect_problem(status, code);
            }
            assert_eq!(state(app, &sale).await, before, "{strategy}");
            let untouched = guest.read(&hold).await;
            assert_eq!(Hold { server_now: hold.server_now, ..untouched }, hold, "{strategy}");
        }
        assert!(!app.log().contains("panicked"), "{}", app.log());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_json_are_refused_on_every_route() {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[general_admission(9)]).await;
    let guest = Guest::new(&app).await;
    let hold = guest.hold(&sale, ga(1)).await;
    let before = state(&app, &sale).await;
    let routes = || {
        [
            Ask::post(&format!("/api/v1/sales/{sale}/holds")),
            Ask::new(Method::PUT, &path(&hold)),
            Ask::post(&format!("{}/confirm", path(&hold))),
        ]
    };
    for route in routes() {
        for malformed in ["{", "{}{}", "\u{feff}{}", "{\"seats\":[\"\\ud800\"]}", "{\"payment\":NaN}"] {
            guest.ask(route.clone().raw("application/json", malformed)).await.expect_problem(400, "malformed");
        }
        guest.ask(route.clone()).await.expect_problem(415, "unsupported-media-type");
        guest.ask(route.clone().raw("application/json", "")).await.expect_problem(400, "malformed");
        let twice = r#"{"max_total":1,"max_total":2,"payment":{},"payment":{}}"#;
        guest.ask(route.clone().raw("application/json", twice)).await.expect_problem(422, "invalid");
        for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
            guest.ask(route.clone().raw(kind, "{}")).await.expect_problem(415, "unsupported-media-type");
        }
        let long = format!("{{{}}}", " ".repeat(17 * 1024));
        guest.ask(route.raw("application/json", long)).await.expect_problem(413, "too-large");
    }
    let pay = |payment: Value| Some(json!({ "payment": payment }));
    for body in [
        pay(Value::Null),
        pay(json!({})),
        pay(json!({ "method": "simulated" })),
        pay(json!({ "method": "card", "outcome": "succeed" })),
        pay(json!({ "method": "simulated", "outcome": "maybe" })),
        pay(json!({ "method": "simulated", "outcome": "succeed", "amount": 1 })),
        pay(json!(["simulated", "succeed"])),
        Some(json!({ "total": 0 })),
        Some(json!([])),
        Some(json!(null)),
    ] {
        guest.post(&hold, "/confirm", body).await.expect_problem(422, "invalid");
    }
    for body in [json!({ "seconds": 600 }), json!([]), json!(null), json!(60)] {
        guest.post(&hold, "/extend", Some(body)).await.expect_problem(422, "invalid");
    }
    for (query, status, code) in
        [("?sale=no-such-sale", 404, "not-found"), ("?sales=x", 422, "invalid"), ("?sale=a&sale=b", 400, "malformed")]
    {
        guest.ask(Ask::get(&format!("/api/v1/holds{query}"))).await.expect_problem(status, code);
    }
    guest.ask(Ask::get(&format!("{}?x=1", path(&hold)))).await.expect_problem(422, "invalid");
    assert_eq!(state(&app, &sale).await, before);
    assert_eq!(guest.read(&hold).await.expires_at, hold.expires_at);
}

/// Every step of a hold, with a body that would be good.
fn steps(hold: &str) -> [Ask; 5] {
    [
        Ask::get(hold),
        Ask::new(Method::PUT, hold).json(ga(1)),
        Ask::post(&format!("{hold}/extend")),
        Ask::post(&format!("{hold}/confirm")).json(json!({})),
        Ask::new(Method::DELETE, hold),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn anothers_hold_is_as_unknown_as_one_that_never_was() {
    on_both_databases(async |app| {
        let sale = app.sale("group_commit", &[general_admission(9)]).await;
        let (guest, other) = (Guest::new(app).await, Guest::new(app).await);
        let hold = guest.hold(&sale, ga(2)).await;
        let before = state(app, &sale).await;
        for (foreign, absent) in steps(&path(&hold)).into_iter().zip(steps(ABSENT)) {
            let foreign = other.ask(foreign).await.expect_problem(404, "not-found");
            let absent = other.ask(absent).await.expect_problem(404, "not-found");
            assert_eq!(foreign.detail, absent.detail);
        }
        for nonsense in steps("/api/v1/holds/nonsense") {
            guest.ask(nonsense).await.expect_problem(404, "not-found");
        }
        for nobody in steps(&path(&hold)) {
            nobody.send(app).await.expect_problem(404, "not-found");
        }
        for stranger in steps(&path(&hold)) {
            stranger.bearer("no-token-of-ours").send(app).await.expect_problem(401, "unauthenticated");
        }
        let senseless = Ask::new(Method::PUT, &path(&hold)).json(json!({ "seats": [] }));
        other.ask(senseless).await.expect_problem(404, "not-found");
        // The organiser may look, and nothing else.
        let admin = Ask::get(&path(&hold)).admin().send(app).await.expect(200).read::<Hold>();
        assert_eq!(Hold { server_now: hold.server_now, ..admin }, hold);
        for step in steps(&path(&hold)).into_iter().skip(1) {
            step.admin().send(app).await.expect_problem(404, "not-found");
        }
        let nowhere = Ask::post("/api/v1/sales/no-such-sale/holds").json(ga(1));
        guest.ask(nowhere).await.expect_problem(404, "not-found");
        assert_eq!(state(app, &sale).await, before);
        assert_eq!(guest.read(&hold).await.expires_at, hold.expires_at);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_site_cannot_hold_for_a_visitor() {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[general_admission(9)]).await;
    let guest = Guest::new(&app).await;
    let hold = guest.hold(&sale, ga(2)).await;
    let before = state(&app, &sale).await;
    let take = Ask::post(&format!("/api/v1/sales/{sale}/holds")).json(ga(1));
    let unsafe_steps = steps(&path(&hold)).into_iter().skip(1).chain([take]);
    for step in unsafe_steps {
        let cookie = format!("__Host-sid={}", guest.token);
        let step = step.header("cookie", cookie).header("sec-fetch-site", "cross-site");
        step.send(&app).await.expect_problem(403, "forbidden");
    }
    assert_eq!(state(&app, &sale).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn seats_and_units_that_are_gone_are_named_and_say_what_may_come_back() {
    on_both_databases(async |app| {
        for strategy in STRATEGIES {
            let sale = app.sale(strategy, &[seated(1, 6), general_admission(6)]).await;
            let (guest, other) = (Guest::new(app).await, Guest::new(app).await);
            let hold =
                guest.hold(&sale, json!({ "seats": ["A-1", "A-2"], "items": [{ "tier": "ga", "quantity": 4 }] })).await;
            other.ask(Ask::buy(&sale, json!({ "seat": "A-3" }))).await.expect(201);
            let theirs = other.hold(&sale, json!({ "seats": ["A-5"] })).await;
            let before = state(app, &sale).await;

            let wanted = json!({ "seats": ["A-4", "A-3", "A-2"] });
            let refused = other.take(&sale, wanted.clone()).await.expect_problem(409, "seat-taken");
            assert_eq!((refused.seats, refused.own_hold), (vec!["A-2".into(), "A-3".into()], None), "{strategy}");
            let own = guest.take(&sale, wanted.clone()).await.expect_problem(409, "seat-taken");
            assert_eq!(own.own_hold, Some(hold.id), "{strategy}: the page then offers to change it");
            let refused = other.change(&theirs, wanted).await.expect_problem(409, "seat-taken");
            assert_eq!(refused.seats, ["A-2".into(), "A-3".into()], "{strategy}");
            let bought = other.ask(Ask::buy(&sale, json!({ "seat": "A-1" }))).await;
            bought.expect_problem(409, "seat-taken");

            for refused in [other.take(&sale, ga(3)).await, other.change(&theirs, ga(3)).await] {
                assert_eq!(refused.expect_problem(409, "sold-out").held, Some(4), "{strategy}");
            }
            let many = json!({ "best": { "tier": "floor", "quantity": 3 } });
            assert_eq!(
                other.take(&sale, many.clone()).await.expect_problem(409, "sold-out").held,
                Some(3),
                "{strategy}"
            );
            other
                .change(&theirs, json!({ "best": { "tier": "floor", "quantity": 4 } }))
                .await
                .expect_problem(409, "sold-out");
            assert_eq!(state(app, &sale).await, before, "{strategy}");
            for (guest, hold) in [(&guest, &hold), (&other, &theirs)] {
                let untouched = guest.read(hold).await;
                assert_eq!(Hold { server_now: hold.server_now, ..untouched }, *hold, "{strategy}");
            }
            // One's own seat counts as free in a change.
            other.change(&theirs, many).await.expect(200);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_that_is_not_open_and_a_strategy_that_cannot_hold_say_so() {
    let app = Setup::default().with_admin().start().await;
    let later = "2100-01-01T00:00:00Z";
    let soon = app.sale_with(json!({ "opens_at": later, "tiers": [general_admission(3)] })).await;
    let guest = Guest::new(&app).await;
    let refused = guest.take(&soon, ga(1)).await.expect_problem(403, "sale-not-open");
    assert!(refused.opens_at.is_some(), "{refused:?}");
    let fields = json!({ "strategy": "naive", "rehearsal": true, "tiers": [general_admission(3)] });
    let naive = app.sale_with(fields).await;
    guest.take(&naive, ga(1)).await.expect_problem(422, "strategy-unsupported");
    for sale in [soon, naive] {
        assert_eq!(state(&app, &sale).await, (1, 3, 0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_route_of_holds_knows_its_methods() {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[general_admission(3)]).await;
    for (method, path) in [
        (Method::GET, format!("/api/v1/sales/{sale}/holds")),
        (Method::DELETE, format!("/api/v1/sales/{sale}/holds")),
        (Method::POST, "/api/v1/holds".to_owned()),
        (Method::DELETE, "/api/v1/holds".to_owned()),
        (Method::POST, ABSENT.to_owned()),
        (Method::PATCH, ABSENT.to_owned()),
        (Method::GET, format!("{ABSENT}/extend")),
        (Method::PUT, format!("{ABSENT}/confirm")),
    ] {
        let reply = Ask::new(method, &path).send(&app).await;
        assert!(reply.header("allow").is_some(), "{path}: a 405 says what is allowed");
        reply.expect_problem(405, "method-not-allowed");
    }
}

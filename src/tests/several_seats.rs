//! Several named seats are one order: the buyer gets all of them or none. If the server picks the seats, the order says
//! how close together they are.

use serde_json::json;

use crate::support::{Ask, STRATEGIES, TestApp, general_admission, seated};

#[tokio::test(flavor = "multi_thread")]
async fn several_seats_are_one_order_with_each_strategy() {
    let app = TestApp::open().await;
    for strategy in STRATEGIES {
        let sale = app.sale(strategy, &[seated(1, 5), general_admission(5), seated(1, 5)]).await;
        let labels = app.get(&format!("/api/v1/sales/{sale}/seats")).await.expect(200).json();
        let label = |seat: usize| labels["seats"][seat]["seat"].as_str().expect("a label").to_owned();
        let wanted = [label(6), label(1), label(3)];
        let order = app.buy(&sale, json!({ "seats": wanted })).await.expect(201).json();
        let mut seats: Vec<_> =
            order["tickets"].as_array().expect("tickets").iter().map(|ticket| ticket["seat"].clone()).collect();
        seats.sort_by_key(ToString::to_string);
        let mut expected = wanted.clone().map(|seat| json!(seat)).to_vec();
        expected.sort_by_key(ToString::to_string);
        assert_eq!(seats, expected, "{strategy}");
        assert_eq!(order.get("rung"), None, "nobody picked for the buyer");
        // Only one of these three seats is free. So the buyer gets none, and the refusal names the two that are gone.
        let refused = app.buy(&sale, json!({ "seats": [label(3), label(2), label(6)] })).await;
        refused.clone().expect_problem(409, "seat-taken");
        assert_eq!(refused.json()["seats"], json!([label(3), label(6)]), "{strategy}");
        let audit = app.clean_audit(&sale).await;
        assert_eq!((audit.orders, audit.sold), (1, 3), "{strategy}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn seats_that_cannot_be_wished_for_are_refused() {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[seated(2, 101)]).await;
    let row: Vec<String> = (1..=101).map(|number| format!("A-{number}")).collect();
    for (body, status, code) in [
        (json!({ "seats": [] }), 422, "invalid"),
        (json!({ "seats": ["A-1", "A-1"] }), 422, "invalid"),
        (json!({ "seats": row }), 422, "invalid"),
        (json!({ "seats": ["A-1"], "seat": "A-2" }), 422, "invalid"),
        (json!({ "seats": ["A-1"], "tier": "floor" }), 422, "invalid"),
        (json!({ "seats": ["A-1", "A-2"], "quantity": 2 }), 422, "invalid"),
        (json!({ "seats": null }), 422, "invalid"),
        (json!({ "seats": "A-1" }), 422, "invalid"),
        (json!({ "seats": [7] }), 422, "invalid"),
        (json!({ "seats": ["A-1", "Z-1"] }), 404, "not-found"),
    ] {
        app.buy(&sale, body.clone()).await.expect_problem(status, code);
    }
    assert_eq!(app.read_sale(&sale).await.sold, 0);
    app.buy(&sale, json!({ "seats": &row[..100] })).await.expect(201);
    app.clean_audit(&sale).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_seats_count_towards_the_limit_and_are_replayed_by_their_key() {
    let app = TestApp::open().await;
    let sale = app.sale_with(json!({ "max_per_buyer": 2, "tiers": [seated(1, 5)] })).await;
    let key = "0190a5c8-7e1b-7abc-8def-0123456789ab";
    app.buy(&sale, json!({ "seats": ["A-1", "A-2", "A-3"] })).await.expect_problem(409, "limit-reached");
    let buy = || Ask::buy(&sale, json!({ "seats": ["A-1", "A-2"] })).key(key).send(&app);
    let (first, again) = (buy().await.expect(201), buy().await.expect(201));
    assert_eq!(first.body, again.body);
    assert_eq!(app.clean_audit(&sale).await.sold, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_says_how_picked_seats_stand_and_says_it_again() {
    let app = TestApp::open().await;
    for strategy in STRATEGIES {
        let sale = app.sale(strategy, &[seated(3, 5), general_admission(5)]).await;
        // No three free seats are side by side: row A has 1, 3 and 5 left, row B has 2, 3 and 5, row C has 3 and 4.
        app.buy(&sale, json!({ "seats": ["A-2", "A-4", "B-1", "B-4", "C-1", "C-2", "C-5"] })).await.expect(201);
        let token = app.get("/api/v1/me").await.session().expect("a guest").to_owned();
        let ask = || {
            Ask::buy(&sale, json!({ "tier": "floor", "quantity": 3 }))
                .key("0190a5c8-7e1b-7abc-8def-0123456789ab")
                .bearer(&token)
                .send(&app)
        };
        let order = ask().await.expect(201);
        let told = order.json();
        let seats: Vec<_> =
            told["tickets"].as_array().expect("tickets").iter().map(|ticket| ticket["seat"].clone()).collect();
        assert_eq!((told["rung"].as_str(), json!(seats)), (Some("rows"), json!(["A-3", "B-2", "B-3"])), "{strategy}");
        assert_eq!(ask().await.expect(201).body, order.body, "{strategy}");
        let read = Ask::get(order.header("location").expect("a place")).bearer(&token).send(&app).await.expect(200);
        assert_eq!(read.json(), order.json(), "{strategy}");
        let admitted = app.buy(&sale, json!({ "tier": "ga" })).await.expect(201).json();
        assert_eq!(admitted.get("rung"), None, "admission has no seats");
        app.clean_audit(&sale).await;
    }
}

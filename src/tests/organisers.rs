//! An organiser makes sales, changes them, adds stock and resets them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{ADMIN_TOKEN, Ask, ExportedLedger, STRATEGIES, TestApp, general_admission, seated};

async fn create(app: &TestApp, body: Value) -> Value {
    let reply = Ask::post("/api/v1/sales").admin().json(body).send(app).await.expect(201);
    let sale = reply.json();
    let id = sale["id"].as_str().expect("an id");
    assert_eq!(reply.header("location"), Some(format!("/api/v1/sales/{id}").as_str()));
    sale
}

async fn labels(app: &TestApp, sale: &str) -> Vec<String> {
    app.seats(sale).await.seats.into_iter().map(|seat| seat.seat.0).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_sale_is_open_at_once_and_named_after_its_name() {
    let app = TestApp::open().await;
    let body = json!({ "name": "Summer Night — 2027!", "tiers": [seated(2, 3), general_admission(7)] });
    let sale = create(&app, body.clone()).await;
    assert_eq!(sale["id"], "summer-night-2027");
    for (field, value) in [
        ("status", json!("open")),
        ("strategy", json!("group_commit")),
        ("rehearsal", json!(false)),
        ("opens_at", json!(null)),
        ("max_per_buyer", json!(null)),
        ("seq", json!(1)),
        ("capacity", json!(13)),
        ("available", json!(13)),
        ("held", json!(0)),
        ("sold", json!(0)),
    ] {
        assert_eq!(sale[field], value, "{field}: {sale}");
    }
    assert!(sale["server_now"].is_string() && sale.get("message").is_none(), "{sale}");
    let ids =
        |sale: &Value| sale["tiers"].as_array().unwrap().iter().map(|tier| tier["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&sale), ["floor", "ga"]);
    assert_eq!(create(&app, body).await["id"], "summer-night-2027-2", "a number is added where the name is taken");
    let twins = json!({ "name": "Twins", "tiers": [general_admission(1), general_admission(2)] });
    assert_eq!(ids(&create(&app, twins).await), ["ga", "ga-2"]);
    let listed = app.get("/api/v1/sales").await.expect(200).json();
    assert_eq!(listed["sales"].as_array().map(Vec::len), Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_run_through_the_tiers_and_sections_stand_in_front_where_there_are_several() {
    let app = TestApp::open().await;
    let tier = |name: &str, sections: u32, rows: u32, per_row: u32| {
        let seats = json!({ "sections": sections, "rows": rows, "per_row": per_row });
        json!({ "name": name, "price": 100, "seats": seats })
    };
    let one = app.sale_with(json!({ "name": "One", "tiers": [tier("Floor", 1, 30, 2)] })).await;
    let told = labels(&app, &one).await;
    assert_eq!(
        (told[0].as_str(), told[51].as_str(), told[52].as_str(), told[59].as_str()),
        ("A-1", "Z-2", "AA-1", "AD-2")
    );
    let many = app.sale_with(json!({ "name": "Many", "tiers": [tier("VIP", 2, 2, 2), tier("Back", 2, 1, 3)] })).await;
    let told = labels(&app, &many).await;
    assert_eq!(told.len(), 14);
    assert_eq!(told.iter().collect::<BTreeSet<_>>().len(), 14, "a label is unique inside its sale: {told:?}");
    assert!(told.contains(&"101-A-1".to_owned()) && told.contains(&"102-A-1".to_owned()), "{told:?}");
    assert!(told.iter().any(|label| label.contains("-C-")), "the second tier's rows go on after the first's: {told:?}");
    for seat in app.seats(&many).await.seats {
        assert_eq!(seat.seat.0, format!("{}-{}-{}", seat.section, seat.row, seat.number));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_that_opens_later_is_soon_and_a_rehearsal_says_so() {
    let app = TestApp::open().await;
    let body = json!({
        "name": "Later", "opens_at": "2100-01-01T00:00:00+01:00", "rehearsal": true, "max_per_buyer": 4,
        "hold_ttl_seconds": 120, "strategy": "atomic_update",
        "tiers": [{ "name": "GA", "price": 0, "currency": "EUR", "quantity": 10_000_000 }],
    });
    let sale = create(&app, body).await;
    assert_eq!((&sale["status"], &sale["rehearsal"]), (&json!("soon"), &json!(true)));
    assert_eq!(sale["opens_at"], "2099-12-31T23:00:00.000Z", "times are told in UTC");
    assert_eq!((&sale["max_per_buyer"], &sale["strategy"]), (&json!(4), &json!("atomic_update")));
    assert_eq!((&sale["tiers"][0]["currency"], &sale["capacity"]), (&json!("EUR"), &json!(10_000_000)));
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_is_final() {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[general_admission(1)]).await;
    let patched = app.patch(&sale, json!({ "status": "paused", "message": "Back soon" })).await.expect(200).json();
    assert_eq!((&patched["status"], &patched["message"]), (&json!("paused"), &json!("Back soon")));
    let patched = app.patch(&sale, json!({ "status": "open", "message": "" })).await.expect(200).json();
    assert_eq!((&patched["status"], patched.get("message")), (&json!("open"), None));
    app.patch(&sale, json!({})).await.expect(200);
    app.patch(&sale, json!({ "status": "closed" })).await.expect(200);
    for status in ["open", "paused"] {
        app.patch(&sale, json!({ "status": status })).await.expect_problem(409, "step-not-allowed");
    }
    assert_eq!(app.read_sale(&sale).await.status.name(), "closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_patched_survives_a_restart() {
    let mut app = TestApp::open().await;
    let sale = app.sale("group_commit", &[general_admission(1)]).await;
    let fields =
        json!({ "status": "paused", "message": "Rain", "max_per_buyer": 2, "opens_at": "2030-01-01T00:00:00Z" });
    let patched = app.patch(&sale, fields).await.expect(200).json();
    app.restart().await;
    let mut told = app.get(&format!("/api/v1/sales/{sale}")).await.expect(200).json();
    told["server_now"] = patched["server_now"].clone();
    assert_eq!(told, patched);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_can_be_mended() {
    let mut app = TestApp::open().await;
    for strategy in STRATEGIES {
        let fields = json!({
            "name": "Galla", "strategy": strategy, "tiers": [general_admission(9)], "max_per_buyer": 1,
            "opens_at": "9999-12-31T23:59:59Z",
        });
        let sale = app.sale_with(fields).await;
        assert_eq!(app.read_sale(&sale).await.status.name(), "soon");
        app.patch(&sale, json!({ "message": "Soon" })).await.expect(200);
        let mended = app.patch(&sale, json!({ "name": " Gala ", "opens_at": null, "message": null })).await.expect(200);
        let mended = mended.json();
        assert_eq!((&mended["name"], &mended["id"], mended.get("message")), (&json!("Gala"), &json!(sale), None));
        assert_eq!((&mended["opens_at"], &mended["status"]), (&json!(null), &json!("open")));
        let token = app.get("/api/v1/me").await.expect(200).session().expect("a guest").to_owned();
        let buy = || Ask::buy(&sale, json!({ "tier": "ga" })).bearer(&token);
        buy().send(&app).await.expect(201);
        buy().send(&app).await.expect_problem(409, "limit-reached");
        app.patch(&sale, json!({ "max_per_buyer": 2 })).await.expect(200);
        buy().send(&app).await.expect(201);
        buy().send(&app).await.expect_problem(409, "limit-reached");
        app.patch(&sale, json!({ "max_per_buyer": null })).await.expect(200);
        buy().send(&app).await.expect(201);
        app.patch(&sale, json!({ "max_per_buyer": 3 })).await.expect(200);
        buy().send(&app).await.expect_problem(409, "limit-reached");
        let listed = app.get("/api/v1/sales").await.expect(200).text();
        assert!(listed.contains("\"Gala\"") && !listed.contains("\"Galla\""), "{listed}");
        let page =
            Ask::get(&format!("/sales/{sale}")).header("accept", "text/html").send(&app).await.expect(200).text();
        assert!(page.contains("Gala") && !page.contains("Galla"), "a page that is loaded again shows the new name");
        app.restart().await;
        let kept = app.read_sale(&sale).await;
        assert_eq!((kept.name.as_str(), kept.opens_at, kept.max_per_buyer), ("Gala", None, Some(3)));
        app.patch(&sale, json!({ "name": format!("Was {strategy}") })).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sale_keeps_for_ever_is_refused_with_the_reason() {
    let app = TestApp::open().await;
    let sale = app.sale("group_commit", &[general_admission(1)]).await;
    for (field, reason) in [
        (json!({ "id": "other" }), "keeps its id"),
        (json!({ "strategy": "optimistic" }), "keeps the strategy"),
        (json!({ "rehearsal": true }), "stays a rehearsal or none"),
        (json!({ "tiers": [] }), "keep their names and prices"),
        (json!({ "colour": "red" }), "unknown field `colour`"),
    ] {
        let problem = app.patch(&sale, field).await.expect_problem(422, "invalid");
        assert!(problem.detail.contains(reason), "{problem:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn added_stock_can_be_bought_and_reopens_a_sale_that_was_sold_out() {
    let app = TestApp::open().await;
    for strategy in STRATEGIES {
        let sale = app.sale(strategy, &[seated(1, 2), general_admission(1)]).await;
        let add = |body: Value| Ask::post(&format!("/api/v1/sales/{sale}/stock")).admin().json(body).send(&app);
        app.buy(&sale, json!({ "tier": "floor", "quantity": 2 })).await.expect(201);
        app.buy(&sale, json!({ "tier": "ga" })).await.expect(201);
        assert_eq!(app.read_sale(&sale).await.status.name(), "sold_out");
        let created = add(json!({ "tier": "floor", "add": 3 })).await.expect(201).json();
        assert_eq!(created["created"], 3);
        let breakdown = created["breakdown"].as_array().expect("a breakdown");
        let floor = breakdown.iter().find(|tier| tier["id"] == "floor").expect("the tier");
        assert_eq!((&floor["available"], &floor["sold"]), (&json!(3), &json!(2)));
        assert_eq!(app.read_sale(&sale).await.status.name(), "open");
        let told = labels(&app, &sale).await;
        assert_eq!(told[..2], ["A-1", "A-2"], "the seats that were there keep their places");
        let newest = told.last().expect("seats");
        app.buy(&sale, json!({ "seat": newest })).await.expect(201);
        add(json!({ "tier": "ga", "add": 10 })).await.expect(201);
        app.buy(&sale, json!({ "tier": "ga", "quantity": 10 })).await.expect(201);
        assert_eq!(app.clean_audit(&sale).await.capacity, 16);
        ExportedLedger::read(&app, &sale).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_puts_the_stock_back_and_the_ledger_goes_on() {
    let app = TestApp::open().await;
    for strategy in STRATEGIES {
        let sale = app.sale(strategy, &[seated(1, 4), general_admission(4)]).await;
        let bought = app.buy(&sale, json!({ "seat": "A-2" })).await.expect(201);
        app.buy(&sale, json!({ "tier": "ga", "quantity": 3 })).await.expect(201);
        let before = ExportedLedger::read(&app, &sale).await;
        let reset = Ask::post(&format!("/api/v1/sales/{sale}/reset")).admin().send(&app).await.expect(200).json();
        assert_eq!((&reset["available"], &reset["sold"], &reset["seq"]), (&json!(8), &json!(0), &json!(4)));
        let after = ExportedLedger::read(&app, &sale).await;
        assert!(after.text.starts_with(&before.text), "nothing that was written is taken back");
        assert_eq!(after.lines.last().expect("lines")["kind"], "reset");
        let token = bought.session().expect("a token");
        let orders = Ask::get("/api/v1/orders").bearer(token).send(&app).await.expect(200).json();
        assert_eq!(orders, json!({ "orders": [] }), "orders are void");
        app.clean_audit(&sale).await;
        app.buy(&sale, json!({ "seat": "A-2" })).await.expect(201);
        assert_eq!(app.clean_audit(&sale).await.sold, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_demo_anybody_resets_rehearsals_and_the_demo_sales_and_elsewhere_only_the_organiser_does() {
    let reset = |sale: &str| Ask::post(&format!("/api/v1/sales/{sale}/reset"));
    let app = TestApp::open().await;
    let rehearsal = app.sale_with(json!({ "name": "Practice", "rehearsal": true, "tiers": [seated(1, 2)] })).await;
    let real = app.sale("group_commit", &[seated(1, 2)]).await;
    for sale in [&rehearsal, &real] {
        reset(sale).send(&app).await.expect_problem(401, "unauthenticated");
        reset(sale).admin().send(&app).await.expect(200);
    }
    let demo = TestApp::open_demo().await;
    for sale in ["golden-ticket", "club-night", "theatre", "rehearsal"] {
        reset(sale).send(&demo).await.expect(200);
    }
    let real = demo.sale("group_commit", &[seated(1, 2)]).await;
    reset(&real).send(&demo).await.expect_problem(401, "unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_has_its_four_sales_once_however_often_it_starts() {
    let mut app = TestApp::open_demo().await;
    app.buy("golden-ticket", json!({ "tier": "ga" })).await.expect(201);
    app.restart().await;
    let told = app.get("/api/v1/sales").await.expect(200).json();
    let capacities: Vec<(String, u64, bool)> = told["sales"]
        .as_array()
        .expect("sales")
        .iter()
        .map(|sale| {
            (sale["id"].as_str().unwrap().to_owned(), sale["capacity"].as_u64().unwrap(), sale["rehearsal"] == true)
        })
        .collect();
    let capacity = |id: &str| capacities.iter().find(|(sale, ..)| sale == id).expect("a demo sale").1;
    assert_eq!(capacities.len(), 4);
    assert_eq!((capacity("golden-ticket"), capacity("club-night"), capacity("rehearsal")), (100, 100, 200));
    assert!((500..=700).contains(&capacity("theatre")), "{}", capacity("theatre"));
    assert!(capacities.iter().all(|(id, _, rehearsal)| *rehearsal == (id == "rehearsal")));
    assert_eq!(app.read_sale("golden-ticket").await.sold, 1, "a restart keeps what was sold");
    let theatre = app.read_sale("theatre").await;
    let prices: Vec<u64> = theatre.tiers.iter().map(|tier| tier.price).collect();
    assert_eq!(prices, [10_000, 5_000, 1_000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_organiser_does_is_a_line_each_in_the_log() {
    let app = TestApp::open().await;
    create(&app, json!({ "name": "Gala", "tiers": [general_admission(7)] })).await;
    create(&app, json!({ "name": "Try-out", "rehearsal": true, "tiers": [general_admission(7)] })).await;
    let patch = json!({ "status": "paused", "message": "words for the public" });
    Ask::patch("/api/v1/sales/gala").admin().json(patch).send(&app).await.expect(200);
    let stock = json!({ "tier": "ga", "add": 3 });
    for _ in 0..2 {
        let key = "the-same-key-of-an-organiser";
        Ask::post("/api/v1/sales/gala/stock").admin().key(key).json(stock.clone()).send(&app).await.expect(201);
    }
    Ask::post("/api/v1/sales/gala/reset").admin().send(&app).await.expect(200);
    Ask::post("/api/v1/sales/try-out/reset").send(&app).await.expect(200);
    Ask::post("/api/v1/sales/gala/reset").send(&app).await.expect(401);
    let log = app.whole_log();
    for (said, sale, times) in [
        ("an organiser made a sale", "gala", 1),
        ("an organiser made a sale", "try-out", 1),
        ("an organiser changed a sale", "gala", 1),
        ("an organiser added stock", "gala", 1),
        ("a sale was reset", "gala", 1),
        ("a sale was reset", "try-out", 0),
    ] {
        let sale = format!("\"sale\":\"{sale}\"");
        let found = log.lines().filter(|line| line.contains(said) && line.contains(&sale)).count();
        assert_eq!(found, times, "{said} {sale}: {log}");
    }
    assert!(log.contains("message,status"), "which fields: {log}");
    for secret in [ADMIN_TOKEN, "words for the public", "the-same-key-of-an-organiser"] {
        assert!(!log.contains(secret), "{log}");
    }
}

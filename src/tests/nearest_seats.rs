//! A conflict gives a seat, over REST: held seats that stand for others say so.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Ask, STRATEGIES, TestApp, seated};

/// A guest's hold on these seats, or the nearest ones.
fn nearest(method: Method, path: &str, token: &str, seats: &Value) -> Ask {
    Ask::new(method, path).bearer(token).json(json!({ "seats": seats, "on_conflict": "nearest" }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seat_that_is_gone_becomes_the_nearest_free_one() {
    let app = TestApp::open().await;
    for strategy in STRATEGIES {
        let sale = app.sale(strategy, &[seated(2, 3)]).await;
        let holds = format!("/api/v1/sales/{sale}/holds");
        app.buy(&sale, json!({ "seat": "A-2" })).await.expect(201);
        let token = app.get("/api/v1/me").await.session().expect("a guest").to_owned();
        let refuse = json!({ "seats": ["A-2"], "on_conflict": "refuse" });
        Ask::post(&holds).bearer(&token).json(refuse).send(&app).await.expect_problem(409, "seat-taken");

        let made = nearest(Method::POST, &holds, &token, &json!(["A-2", "B-1"])).send(&app).await.expect(201).json();
        let price = made["items"][0]["price"].clone();
        let item = |seat: &str| json!({ "tier": "floor", "seat": seat, "quantity": 1, "price": price });
        let instead = |seat: &str, asked: &str| {
            let mut item = item(seat);
            item["substitute"] = json!(asked);
            item
        };
        assert_eq!(made["items"], json!([instead("A-1", "A-2"), item("B-1")]), "{strategy}");
        let hold = format!("/api/v1/holds/{}", made["id"].as_str().expect("an id"));
        let read = Ask::get(&hold).bearer(&token).send(&app).await.expect(200).json();
        assert_eq!(read["items"], made["items"], "{strategy}: told again");

        let changed = nearest(Method::PUT, &hold, &token, &json!(["B-1", "A-2", "A-1"])).send(&app).await;
        let changed = changed.expect(200).json();
        assert_eq!(changed["items"], json!([instead("A-1", "A-2"), instead("A-3", "A-2"), item("B-1")]), "{strategy}");
        let too_many = json!(["A-1", "A-2", "A-3", "B-1", "B-2", "B-3"]);
        let refused = nearest(Method::PUT, &hold, &token, &too_many).send(&app).await;
        refused.clone().expect_problem(409, "seat-taken");
        assert_eq!(refused.json()["seats"], json!(["A-2"]), "{strategy}");
        let kept = Ask::get(&hold).bearer(&token).send(&app).await.expect(200).json();
        assert_eq!(kept["items"], changed["items"], "{strategy}: as it was");
        app.clean_audit(&sale).await;
    }
}

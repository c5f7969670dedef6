//! Amounts have the number of decimal digits that their currency has, and only currencies can be a price's unit.

use serde_json::json;

use crate::support::{Ask, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn an_amount_has_as_many_digits_as_its_currency() {
    let app = TestApp::open().await;
    for (currency, digits, price, shown) in [
        ("KWD", Some(3), 10_500, "KWD\u{a0}10.500"),
        ("XOF", Some(0), 5_000, "XOF\u{a0}5,000"),
        ("JPY", Some(0), 5_000, "¥5,000"),
        ("CLF", Some(4), 12_345_678, "CLF\u{a0}1,234.5678"),
        ("EUR", None, 1_050, "€10.50"),
    ] {
        let tier = json!({ "name": "GA", "price": price, "currency": currency, "quantity": 5 });
        let sale = app.sale_with(json!({ "tiers": [tier] })).await;
        let told = app.get(&format!("/api/v1/sales/{sale}")).await.expect(200).json();
        assert_eq!(told["tiers"][0].get("currency_digits"), digits.map(|digits| json!(digits)).as_ref(), "{currency}");
        let order = app.buy(&sale, json!({ "tier": "ga" })).await.expect(201);
        let token = order.session().expect("a token").to_owned();
        assert_eq!(order.json().get("currency_digits"), told["tiers"][0].get("currency_digits"), "{currency}");
        let again = Ask::get("/api/v1/orders").bearer(&token).send(&app).await.expect(200).json();
        assert_eq!(again["orders"][0], order.json(), "it is the same when it is read again");
        let cookie = format!("__Host-sid={token}");
        for page in ["/".to_owned(), format!("/sales/{sale}"), "/tickets".to_owned()] {
            let text = Ask::get(&page).header("cookie", &cookie).send(&app).await.expect(200).text();
            assert!(text.contains(shown), "{currency} on {page}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_money_can_be_a_price() {
    let app = TestApp::open().await;
    for currency in [&*"X".repeat(3), "XTS", "XAU", "ABC", "DEM", "usd", "US", "USDX", "", "U D"] {
        let tier = json!({ "name": "GA", "price": 1, "currency": currency, "quantity": 5 });
        let body = json!({ "name": "Odd", "tiers": [tier] });
        Ask::post("/api/v1/sales").admin().json(body).send(&app).await.expect_problem(422, "invalid");
    }
    assert_eq!(app.get("/api/v1/sales").await.expect(200).json(), json!({ "sales": [] }));
}

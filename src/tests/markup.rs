//! Markup in a name that an organiser gives is shown as text: in the server's pages, and in what the commands write.

use serde_json::{Value, json};

use crate::support::{Ask, TestApp};

fn planted(place: &str) -> String {
    format!("<img src=x onerror=\"alert('{place}')\">")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A rehearsal in which every name contains markup.
async fn planted_sale(app: &TestApp) -> String {
    let tiers: [Value; 2] = [
        json!({ "name": planted("seats"), "price": 100, "seats": { "sections": 2, "rows": 2, "per_row": 3 } }),
        json!({ "name": planted("admission"), "price": 100, "quantity": 5 }),
    ];
    let sale = app.sale_with(json!({ "name": planted("name"), "rehearsal": true, "tiers": tiers })).await;
    app.patch(&sale, json!({ "message": planted("message") })).await.expect(200);
    sale
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_planted_is_text_on_every_page() {
    let app = TestApp::open_demo().await;
    let sale = planted_sale(&app).await;
    let bought = app.buy(&sale, json!({ "seat": "101-A-1" })).await.expect(201);
    let session = bought.header("x-onsale-session").expect("a new guest").to_owned();
    for (path, shown) in [
        ("/".to_owned(), &["name", "message"][..]),
        (format!("/sales/{sale}"), &["name", "message", "seats", "admission"]),
        ("/simulator".to_owned(), &["name"]),
        ("/tickets".to_owned(), &["name", "seats"]),
    ] {
        let page = Ask::get(&path).header("accept", "text/html").bearer(&session).send(&app).await.expect(200).text();
        assert!(!page.contains("<img"), "{path}: {page}");
        for place in shown {
            // Quotes mean nothing in element content, so they may be escaped or not.
            let text = page.replace("&quot;", "\"").replace("&#39;", "'").replace("&#x27;", "'");
            assert!(text.contains(&escaped(&planted(place))), "{path} shows {place}: {page}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_planted_is_text_in_the_file_of_a_comparison() {
    let app = TestApp::open_demo().await;
    let sale = planted_sale(&app).await;
    let file = app.folder().join("comparison.html");
    let (url, path) = (app.url(), file.to_str().expect("a path that is text").to_owned());
    let ran = app.command(["compare", "20", "--url", &url, "--sale", &sale, "--html", &path]).await;
    assert!(file.exists(), "{}", String::from_utf8_lossy(&ran.stderr));
    let text = std::fs::read_to_string(&file).expect("the file");
    assert!(text.starts_with("<!DOCTYPE html>") && !text.contains("<img"), "{text}");
}

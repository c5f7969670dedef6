//! What a browser asks for: pages rendered by Leptos, server functions, and the client's files.

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use leptos::{context::provide_context, nonce::Nonce, server_fn::axum::get_server_fn_service};

use super::{
    answer, asked,
    body::{JSON, read_bytes},
    problem::Failure,
};
use crate::{
    api::{FormNotice, FromNobody, holds_stock, purchase_path},
    model::{limits::MAX_BODY_BYTES, outcome::Code},
    server::{app::App, auth::accepts_html},
    ui::app::shell,
};

/// `GET /`, `/sales/{sale}` and the other pages: complete without script, and never cached.
pub async fn page(State(app): State<App>, request: Request) -> Response {
    page_with(app, request, None).await
}

/// A page, optionally with a notice about the form that it answers.
pub async fn page_with(app: App, request: Request, notice: Option<FormNotice>) -> Response {
    let (head, body) = request.into_parts();
    let asker = match asked::visitor(&app, &head) {
        Ok(asker) => asker,
        Err(failure) => return failure.into_response(),
    };
    let nonce = Nonce::new();
    let watched = app.config.is_watched.then(|| app.config.leptos.clone());
    let policy = content_policy(&nonce, watched.as_ref().map(|options| options.reload_port));
    let pages = app.pages.clone();
    let context = {
        let asker = asker.clone();
        move || {
            provide_context(app.clone());
            provide_context(asker.clone());
            provide_context(nonce.clone());
            if let Some(notice) = &notice {
                provide_context(notice.clone());
            }
            if let Some(client) = app.site.client() {
                provide_context(client.clone());
            }
            if let Some(options) = &watched {
                provide_context(options.clone());
            }
        }
    };
    let render = leptos_axum::render_app_async_with_context(context, shell);
    let rendering = pages.run(async move {
        // Rendered to its end: the connection only sends it.
        answer::whole(render(Request::from_parts(head, body)).await).await
    });
    let mut response = rendering.await;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    asker.introduce(response)
}

/// The content policy of a page: our own files, and the scripts that carry this answer's nonce. Under `cargo leptos
/// watch` a page may also connect to `reload_port`, where it hears that it has changed.
fn content_policy(nonce: &str, reload_port: Option<u32>) -> HeaderValue {
    let reload = reload_port.map(|port| format!(" ws://*:{port}")).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; \
         style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; font-src 'self'; connect-src 'self'{reload}; \
         manifest-src 'self'; worker-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; \
         frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).expect("a nonce is URL-safe Base64")
}

/// Answers what no route matches: a file of the site, a path with a trailing slash, or nothing. A browser that asked
/// for a page gets one that says so.
pub async fn fallback(State(app): State<App>, request: Request) -> Response {
    let is_read = [Method::GET, Method::HEAD].contains(request.method());
    let path = request.uri().path();
    if let Some(file) = app.site.get(path, request.headers()) {
        return if is_read { file } else { only_read() };
    }
    if is_read && let Some(place) = without_last_slash(request.uri()) {
        return moved(place);
    }
    let is_page = !["/api/", "/rpc/", "/pkg/"].iter().any(|folder| path.starts_with(folder));
    if is_read && is_page && accepts_html(request.headers()) {
        let mut response = page(State(app), request).await;
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    }
    Failure::not_found("path").into_response()
}

/// The refusal of a change to a file.
fn only_read() -> Response {
    let failure = Failure::new(Code::MethodNotAllowed, "The path does not know this method; see Allow.");
    ([(header::ALLOW, HeaderValue::from_static("GET,HEAD"))], failure).into_response()
}

/// The same address without the slashes at the end of its path; `None` where there are none. Only reads are redirected.
/// A change is refused instead, because few clients would send its body again.
///
/// A path that begins with two slashes, or with a slash and a backslash, is not redirected: a browser would read it as
/// another host's name.
fn without_last_slash(uri: &Uri) -> Option<HeaderValue> {
    let path = uri.path();
    let trimmed = path.trim_end_matches('/');
    let leads_elsewhere = trimmed.as_bytes().get(1).is_some_and(|byte| [b'/', b'\\'].contains(byte));
    if trimmed.is_empty() || trimmed.len() == path.len() || !trimmed.starts_with('/') || leads_elsewhere {
        return None;
    }
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    HeaderValue::from_str(&format!("{trimmed}{query}")).ok()
}

fn moved(place: HeaderValue) -> Response {
    (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, place)]).into_response()
}

/// `POST /rpc/{function}`: a server function, called by our own client. The header `Idempotency-Key` serves as an
/// identity only: a simulated buyer has no other.
pub async fn server_function(State(app): State<App>, request: Request) -> Result<Response, Failure> {
    let (mut head, body) = request.into_parts();
    if get_server_fn_service(head.uri.path(), head.method.clone()).is_none() {
        return Err(Failure::not_found("function"));
    }
    // A key may stand for a buyer only in a purchase, where the key can do nothing but repeat that purchase. Elsewhere it
    // would open the tickets of the buyer to whoever has seen the key.
    let (asker, key) = if head.uri.path() == purchase_path() {
        asked::keyed_buyer(&app, &head)?
    } else {
        (asked::visitor(&app, &head)?, None)
    };
    if head.uri.path() == purchase_path() || holds_stock(head.uri.path()) {
        asked::count_purchase(&app, &head, &asker)?;
    }
    let is_from_nobody = asker.is_new() && key.is_none();
    let purchaser = asked::purchaser(&app, &head, asker);
    let body = read_bytes(&head.headers, body, JSON, MAX_BODY_BYTES).await?;
    // If the caller accepted HTML, server functions would answer with a redirect to the address in `Referer`.
    head.headers.remove(header::REFERER);
    head.headers.insert(header::ACCEPT, HeaderValue::from_static(JSON));
    let context = {
        let (app, purchaser) = (app.clone(), purchaser.clone());
        move || {
            provide_context(app.clone());
            provide_context(purchaser.asker.clone());
            provide_context(purchaser.clone());
            if is_from_nobody {
                provide_context(FromNobody);
            }
        }
    };
    let request = Request::from_parts(head, Body::from(body));
    let response = leptos_axum::handle_server_fns_with_context(context, request).await.into_response();
    Ok(purchaser.introduce(&app, of_server_function(response)))
}

/// Server functions return refusals as values and set the status of every other failure that they know. So a 500 can
/// only mean that the arguments could not be read.
fn of_server_function(mut response: Response) -> Response {
    if response.status() == StatusCode::INTERNAL_SERVER_ERROR {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_too_many_leads_to_the_path_without_it_and_to_no_other_host() {
        for (path, expected) in [
            ("/sales/theatre/", Some("/sales/theatre")),
            ("/sales/theatre//", Some("/sales/theatre")),
            ("/sales/theatre/?outcome=won&x=/", Some("/sales/theatre?outcome=won&x=/")),
            ("/api/v1/sales/", Some("/api/v1/sales")),
            ("/sales/theatre", None),
            ("/", None),
            ("//", None),
            ("//evil.example/", None),
            ("///evil.example/", None),
            ("/\\evil.example/", None),
            ("/%2fevil.example/", Some("/%2fevil.example")),
        ] {
            let uri = path.parse().unwrap();
            assert_eq!(without_last_slash(&uri).as_ref().map(|place| place.to_str().unwrap()), expected, "{path}");
        }
    }
}

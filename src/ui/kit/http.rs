//! The status of the answer that carries the page. In the browser there is no such answer left to change.

/// Makes the answer a 404.
#[cfg(feature = "ssr")]
pub fn answer_not_found() {
    if let Some(response) = leptos::prelude::use_context::<leptos_axum::ResponseOptions>() {
        response.set_status(axum::http::StatusCode::NOT_FOUND);
    }
}

#[cfg(not(feature = "ssr"))]
pub fn answer_not_found() {}

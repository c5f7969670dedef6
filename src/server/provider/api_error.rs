//! Errors as the provider writes them.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

/// An error of the API.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApiError {
    pub status: StatusCode,
    /// The provider's `type`.
    kind: &'static str,
    code: Option<&'static str>,
    message: String,
    /// The parameter that is wrong.
    param: Option<String>,
}

const INVALID_REQUEST: &str = "invalid_request_error";

impl ApiError {
    /// A request that cannot be meant.
    pub fn invalid(message: impl Into<String>) -> Self {
        let (status, message) = (StatusCode::BAD_REQUEST, message.into());
        Self { status, kind: INVALID_REQUEST, code: None, message, param: None }
    }

    /// A parameter that is needed and missing.
    pub fn missing(param: &str) -> Self {
        Self::invalid(format!("Missing required param: {param}.")).code("parameter_missing").param(param)
    }

    /// An object that does not exist.
    pub fn no_such(what: &str, id: &str, param: &str) -> Self {
        let error = Self::invalid(format!("No such {what}: '{id}'")).code("resource_missing").param(param);
        Self { status: StatusCode::NOT_FOUND, ..error }
    }

    /// A path, or a method of it, that the API does not have.
    pub fn unknown_url(method: &str, path: &str) -> Self {
        let error = Self::invalid(format!("Unrecognized request URL ({method}: {path})."));
        Self { status: StatusCode::NOT_FOUND, ..error }
    }

    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, ..Self::invalid(message) }
    }

    pub fn too_large(limit_bytes: usize) -> Self {
        let error = Self::invalid(format!("The body has more than {limit_bytes} bytes."));
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, ..error }
    }

    /// An idempotency key that was used for something else before.
    pub fn key_used_otherwise(key: &str) -> Self {
        let message = format!(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using \
             a key other than '{key}' if you meant to execute a different request."
        );
        Self { kind: "idempotency_error", ..Self::invalid(message) }
    }

    /// A failure of the provider itself.
    pub fn own_fault(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, kind: "api_error", ..Self::invalid(message) }
    }

    pub fn code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    pub fn param(self, param: &str) -> Self {
        Self { param: Some(param.to_owned()), ..self }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut error = json!({ "type": self.kind, "message": self.message });
        if let Some(code) = self.code {
            error["code"] = code.into();
        }
        if let Some(param) = self.param {
            error["param"] = param.into();
        }
        (self.status, Json(json!({ "error": error }))).into_response()
    }
}

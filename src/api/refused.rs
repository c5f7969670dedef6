//! Reads the refusal where the server refused a request before it reached its server function.

use leptos::prelude::ServerFnError;

use crate::{
    model::outcome::{Code, Refusal},
    wire::json,
};

/// The refusal in the problem document with which the server answered a call of a server function. `None` if no such
/// document came, or if its code is temporary: then the same call may succeed in a moment. `rate-limited` is no such
/// code, because its wait may be long, and its sentence says how long.
///
/// Leptos reads errors in a format of its own. It puts a body that it cannot read, in quotation marks, into its error
/// message. Rust's quotation of a problem document is also valid JSON, because the document contains no characters that
/// the two escape differently.
pub fn refusal_of(error: &ServerFnError) -> Option<Refusal> {
    let ServerFnError::Deserialization(message) = error else { return None };
    let document: String = json::read(&message[message.find('"')?..])?;
    let refusal: Refusal = json::read(&document)?;
    let may_change = matches!(refusal.code, Code::Overloaded | Code::Contended | Code::IdempotencyInFlight);
    (!may_change).then_some(refusal)
}

#[cfg(test)]
mod tests {
    use leptos::server_fn::error::FromServerFnError;

    use super::*;
    use crate::model::outcome::Problem;

    fn received(body: String) -> Option<Refusal> {
        refusal_of(&ServerFnError::de(body.into()))
    }

    fn document(code: Code, detail: &str) -> String {
        let problem = Problem {
            kind: code.problem_type().into(),
            title: code.title().into(),
            status: code.status(),
            detail: detail.to_owned(),
            instance: "/rpc/buy".to_owned(),
            code,
            opens_at: None,
            seats: Vec::new(),
            own_hold: None,
            held: None,
            total: None,
        };
        serde_json::to_string(&problem).unwrap()
    }

    #[test]
    fn the_servers_own_sentence_is_found() {
        let detail = r#"The request names no "host"; C:\ is none."#;
        assert_eq!(received(document(Code::Malformed, detail)), Some(Refusal::new(Code::Malformed, detail)));
        assert_eq!(received(document(Code::Forbidden, "No.")).unwrap().code, Code::Forbidden);
    }

    #[test]
    fn what_may_be_another_answer_in_a_moment_or_is_no_problem_document_is_no_refusal() {
        assert_eq!(received(document(Code::Overloaded, "Later.")), None);
        for body in ["", "<html>502</html>", "ServerError|Overloaded", "{}", "\"", "{\"code\":5}"] {
            assert_eq!(received(body.to_owned()), None, "{body}");
        }
    }
}

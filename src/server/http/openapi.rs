//! The API's own description (OpenAPI 3.1) and the page that shows it. The binary contains all assets.

use std::sync::{Arc, LazyLock};

use axum::{
    extract::{Extension, Path},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::{
    OpenApi, ToSchema,
    openapi::{
        self, ContentBuilder, HttpMethod, Ref, RefOr, ResponseBuilder,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};
use utoipa_swagger_ui::Config;

use super::{
    answer,
    problem::{Failure, PROBLEM_JSON},
};
use crate::model::outcome::Problem;

/// The path of the description.
const DESCRIPTION_PATH: &str = "/api/openapi.json";

/// The content policy of the documentation page. Its scripts and styles come from our own paths and carry no nonce, so
/// the page needs a policy of its own.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The description's frame; the router fills in its routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Onsale",
        description = "Sells a limited stock to more people than there is stock, and never a unit twice. Errors are \
            problem documents (RFC 9457) with a stable `code`; a browser that follows a link is shown the same sentence \
            on a small page. A request without identity on a route that needs a buyer is a new guest: the answer \
            carries `X-Onsale-Session`, to be sent as a Bearer from then on."
    ),
    components(schemas(Problem)),
    tags(
        (name = "sales", description = "What is on sale"),
        (name = "buyers", description = "Buying, and what was bought"),
        (name = "organisers", description = "Making and steering sales; the Bearer of `ONSALE_ADMIN_TOKEN`"),
        (name = "proof", description = "That it was fair and exact"),
        (name = "simulations", description = "Rehearsals under load"),
        (name = "index", description = "What there is"),
        (name = "operation", description = "For those who run the server"),
    )
)]
pub struct Frame;

/// The API's description. The router makes it from its routes and hands it to the handlers that show it.
pub struct Description {
    document: openapi::OpenApi,
    /// Every route: its method, path and what it does.
    pub routes: Vec<IndexedRoute>,
}

#[derive(Serialize, ToSchema)]
pub struct IndexedRoute {
    pub method: String,
    pub path: String,
    pub summary: String,
}

impl Description {
    /// Completes what the router has collected.
    pub fn new(collected: openapi::OpenApi) -> Self {
        let mut document = complete(collected);
        let routes = list_routes(&mut document);
        Self { document, routes }
    }
}

/// Completes the description that the router has collected. Error answers get the problem document as their content.
/// Operations get the ways to identify the caller, and the answer to an unreadable path.
fn complete(mut description: openapi::OpenApi) -> openapi::OpenApi {
    let components = description.components.get_or_insert_default();
    components
        .add_security_scheme("bearer", SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()));
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("__Host-sid"))));
    for (path, item) in &mut description.paths.paths {
        for (_, operation) in operations_mut(item) {
            if path.contains('{') {
                let unreadable = || ResponseBuilder::new().description("`malformed`: the path cannot be read");
                operation.responses.responses.entry("400".to_owned()).or_insert_with(|| unreadable().build().into());
            }
            describe_problems(operation);
            if path.starts_with("/api/v1/") {
                let none = SecurityRequirement::default();
                let ways = ["bearer", "session"].map(|way| SecurityRequirement::new::<_, _, String>(way, []));
                operation.security = Some([none].into_iter().chain(ways).collect());
            }
        }
    }
    description
}

fn describe_problems(operation: &mut openapi::path::Operation) {
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        if (status.starts_with('4') || status.starts_with('5')) && response.content.is_empty() {
            let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            response.content.insert(PROBLEM_JSON.to_owned(), RefOr::T(problem));
        }
    }
}

fn operations_mut(item: &mut openapi::PathItem) -> impl Iterator<Item = (HttpMethod, &mut openapi::path::Operation)> {
    [
        (HttpMethod::Get, item.get.as_mut()),
        (HttpMethod::Post, item.post.as_mut()),
        (HttpMethod::Patch, item.patch.as_mut()),
        (HttpMethod::Put, item.put.as_mut()),
        (HttpMethod::Delete, item.delete.as_mut()),
    ]
    .into_iter()
    .filter_map(|(method, operation)| operation.map(|operation| (method, operation)))
}

fn list_routes(document: &mut openapi::OpenApi) -> Vec<IndexedRoute> {
    let mut routes = Vec::new();
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations_mut(item) {
            let summary = operation.summary.clone().unwrap_or_default();
            routes.push(IndexedRoute { method: name(&method).to_owned(), path: path.clone(), summary });
        }
    }
    routes
}

fn name(method: &HttpMethod) -> &'static str {
    match method {
        HttpMethod::Get => "GET",
        HttpMethod::Post => "POST",
        HttpMethod::Put => "PUT",
        HttpMethod::Delete => "DELETE",
        HttpMethod::Patch => "PATCH",
        HttpMethod::Head => "HEAD",
        HttpMethod::Options => "OPTIONS",
        HttpMethod::Trace => "TRACE",
    }
}

/// This description.
#[utoipa::path(get, path = "/api/openapi.json", tag = "index", responses((status = 200, body = serde_json::Value)))]
pub async fn description(Extension(description): Extension<Arc<Description>>) -> Response {
    answer::ok(&description.document)
}

/// The description as a page.
#[utoipa::path(
    get,
    path = "/api/docs",
    tag = "index",
    responses((status = 200, body = String, content_type = "text/html"))
)]
pub async fn page() -> Response {
    const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
    ([(header::CONTENT_TYPE, HTML), (header::CONTENT_SECURITY_POLICY, PAGE_POLICY)], PAGE).into_response()
}

/// Swagger UI's own page, but with addresses that work with or without a slash at the end of ours.
const PAGE: &str = r#"<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Onsale API</title>
    <link rel="stylesheet" href="/api/docs/swagger-ui.css">
    <link rel="stylesheet" href="/api/docs/index.css">
    <link rel="icon" type="image/png" sizes="32x32" href="/api/docs/favicon-32x32.png">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="/api/docs/swagger-ui-bundle.js"></script>
    <script src="/api/docs/swagger-ui-standalone-preset.js"></script>
    <script src="/api/docs/swagger-initializer.js"></script>
  </body>
</html>
"#;

/// What the page loads.
pub async fn page_asset(Path(name): Path<String>) -> Result<Response, Failure> {
    static CONFIGURATION: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
        // Without the badge that would query a validator on the internet.
        Arc::new(Config::from(DESCRIPTION_PATH).validator_url("none"))
    });
    let file = utoipa_swagger_ui::serve(&name, Arc::clone(&CONFIGURATION)).ok().flatten();
    let file = file.filter(|_| !name.is_empty()).ok_or_else(|| Failure::not_found("page"))?;
    let content_type = HeaderValue::from_str(&file.content_type).unwrap_or(HeaderValue::from_static("text/plain"));
    let headers = [(header::CONTENT_TYPE, content_type), (header::CONTENT_SECURITY_POLICY, PAGE_POLICY)];
    Ok((headers, file.bytes.into_owned()).into_response())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::{
        limits::{
            MAX_GENERAL_ADMISSION_UNITS, MAX_HOLD_TTL_SECONDS, MAX_MESSAGE_CHARACTERS, MAX_NAME_CHARACTERS, MAX_PRICE,
            MAX_SEED, MAX_SIMULATED_BUYERS, MAX_SIMULATION_CONCURRENCY, MAX_SIMULATION_RATE_PER_SECOND,
            MAX_TIERS_PER_SALE, MAX_UNITS_PER_REQUEST,
        },
        outcome::Code,
    };

    fn described() -> Description {
        Description::new(super::super::routes().into_openapi())
    }

    /// The routes of the contract.
    const CONTRACT: [&str; 39] = [
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
        "GET /api/openapi.json",
        "GET /api/docs",
        "GET /api/v1",
        "POST /api/v1/ping",
        "GET /api/v1/sales",
        "POST /api/v1/sales",
        "GET /api/v1/sales/{sale}",
        "PATCH /api/v1/sales/{sale}",
        "POST /api/v1/sales/{sale}/reset",
        "POST /api/v1/sales/{sale}/stock",
        "GET /api/v1/sales/{sale}/seats",
        "GET /api/v1/sales/{sale}/seats/{seat}",
        "GET /api/v1/sales/{sale}/stream",
        "POST /api/v1/sales/{sale}/buy",
        "POST /api/v1/sales/{sale}/holds",
        "GET /api/v1/holds",
        "GET /api/v1/holds/{hold}",
        "PUT /api/v1/holds/{hold}",
        "DELETE /api/v1/holds/{hold}",
        "POST /api/v1/holds/{hold}/extend",
        "POST /api/v1/holds/{hold}/confirm",
        "POST /api/v1/holds/{hold}/payments",
        "GET /api/v1/holds/{hold}/payments",
        "GET /api/v1/payments/{payment}",
        "POST /api/v1/payments/webhook",
        "GET /api/v1/orders",
        "GET /api/v1/orders/{order}",
        "GET /api/v1/requests/{request}",
        "GET /api/v1/me",
        "GET /api/v1/sales/{sale}/audit",
        "GET /api/v1/sales/{sale}/ledger",
        "GET /api/v1/strategies",
        "POST /api/v1/sales/{sale}/simulations",
        "GET /api/v1/simulations/{simulation}",
        "GET /api/v1/simulations/{simulation}/stream",
        "DELETE /api/v1/simulations/{simulation}",
    ];

    #[test]
    fn the_description_has_the_routes_of_the_contract_and_no_other() {
        let described: BTreeSet<String> =
            described().routes.into_iter().map(|route| format!("{} {}", route.method, route.path)).collect();
        assert_eq!(described, CONTRACT.into_iter().map(str::to_owned).collect());
    }

    #[test]
    fn every_route_says_what_it_does_and_names_the_code_of_every_refusal() {
        let is_code = |name: &str| serde_json::from_value::<Code>(name.into()).is_ok();
        let mut description = described();
        for (path, item) in &mut description.document.paths.paths {
            for (method, operation) in operations_mut(item) {
                let route = format!("{} {path}", name(&method));
                assert!(operation.summary.as_ref().is_some_and(|summary| !summary.is_empty()), "{route}");
                for (status, response) in &operation.responses.responses {
                    let RefOr::T(response) = response else { panic!("{route} refers to a response") };
                    let is_refusal = status.starts_with('4') || status.starts_with('5');
                    assert!(!is_refusal || response.description.split('`').any(is_code), "{route}");
                    assert!(!is_refusal || response.content.contains_key(PROBLEM_JSON), "{route}");
                }
            }
        }
    }

    #[test]
    fn every_schema_that_is_referred_to_is_there() {
        let text = serde_json::to_string(&described().document).unwrap();
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        for (_, rest) in
            text.match_indices("\"#/components/schemas/").map(|(at, found)| (at, &text[at + found.len()..]))
        {
            let name = rest.split('"').next().unwrap();
            assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
        }
    }

    #[test]
    fn what_a_body_may_hold_is_what_the_server_checks() {
        let document = serde_json::to_value(&described().document).unwrap();
        let schemas = &document["components"]["schemas"];
        #[allow(clippy::cast_precision_loss)] // far below 2⁵³
        for (property, bound, value) in [
            ("BuyBody/properties/quantity", "maximum", f64::from(MAX_UNITS_PER_REQUEST)),
            ("NewSale/properties/name", "maxLength", MAX_NAME_CHARACTERS as f64),
            ("NewSale/properties/hold_ttl_seconds", "maximum", f64::from(MAX_HOLD_TTL_SECONDS)),
            ("NewSale/properties/tiers", "maxItems", MAX_TIERS_PER_SALE as f64),
            ("NewTier/properties/name", "maxLength", MAX_NAME_CHARACTERS as f64),
            ("NewTier/properties/price", "maximum", MAX_PRICE as f64),
            ("NewTier/properties/quantity", "maximum", MAX_GENERAL_ADMISSION_UNITS as f64),
            ("SalePatch/properties/name", "maxLength", MAX_NAME_CHARACTERS as f64),
            ("SalePatch/properties/message", "maxLength", MAX_MESSAGE_CHARACTERS as f64),
            ("SalePatch/properties/hold_ttl_seconds", "maximum", f64::from(MAX_HOLD_TTL_SECONDS)),
            ("StockBody/properties/add", "maximum", MAX_GENERAL_ADMISSION_UNITS as f64),
            ("SimulationBody/properties/buyers", "maximum", f64::from(MAX_SIMULATED_BUYERS)),
            ("SimulationBody/properties/concurrency", "maximum", f64::from(MAX_SIMULATION_CONCURRENCY)),
            ("SimulationBody/properties/rate", "maximum", MAX_SIMULATION_RATE_PER_SECOND),
            ("SimulationBody/properties/seed", "maximum", MAX_SEED as f64),
        ] {
            let described = schemas.pointer(&format!("/{property}/{bound}")).and_then(serde_json::Value::as_f64);
            assert_eq!(described, Some(value), "{property}");
        }
        for name in
            ["BuyBody", "NewSale", "NewTier", "ResetBody", "SalePatch", "SeatLayout", "SimulationBody", "StockBody"]
        {
            let schema = &schemas[name];
            assert_eq!(schema["additionalProperties"], false, "{name}");
            let admits_null = |property: &&String| schema["properties"][property].to_string().contains("\"null\"");
            let nullable: Vec<&String> = schema["properties"].as_object().unwrap().keys().filter(admits_null).collect();
            let expected: &[&str] = if name == "SalePatch" { &["max_per_buyer", "message", "opens_at"] } else { &[] };
            assert_eq!(nullable, expected, "{name} admits null: {schema}");
        }
    }

    #[test]
    fn the_page_loads_nothing_from_elsewhere() {
        assert!(!PAGE.contains("//"));
        let configuration = Arc::new(Config::from(DESCRIPTION_PATH));
        let assets: Vec<&str> = PAGE.split('"').filter_map(|part| part.strip_prefix("/api/docs/")).collect();
        assert_eq!(assets.len(), 6);
        for name in assets {
            assert!(utoipa_swagger_ui::serve(name, Arc::clone(&configuration)).unwrap().is_some(), "{name}");
        }
    }
}

//! The live parts of a page. Each is one element, drawn as markup by one function: the server's page is made by it, and so
//! is every later state of it in the browser. There an effect draws again what has changed, and the element in the document
//! is brought into line node by node: focus, typed text, opened details and transitions stay where they are.

use leptos::{
    prelude::*,
    wasm_bindgen::JsCast,
    web_sys::{Element, HtmlInputElement, HtmlTemplateElement, Node},
};
use serde::de::DeserializeOwned;

use crate::model::json;

/// Where the page keeps what its markup was made from.
const DATA: &str = "script[type='application/json']";
/// Elements that carry the same value here are the same, wherever among their siblings they stand.
const KEY: &str = "data-key";

/// Keeps the element that carries `data-live="{name}"` as `draw` says. In the browser only, inside an effect.
pub fn keep_current(name: &str, draw: impl Fn() -> String + 'static) {
    keep(name, Box::new(draw));
}

/// Not generic: every live part shares this code.
fn keep(name: &str, draw: Box<dyn Fn() -> String>) {
    let Some(element) = find(&format!("[data-live={name}]")) else { return };
    Effect::new(move |before: Option<String>| {
        let markup = draw();
        if before.as_ref() != Some(&markup) {
            bring_into_line(&element, &markup);
        }
        markup
    });
}

/// What the server wrote down for the browser beside the markup.
pub fn written_down<T: DeserializeOwned>() -> Option<T> {
    json::read(&find(DATA)?.text_content()?)
}

/// The first element of the document that a selector means.
pub fn find(selector: &str) -> Option<Element> {
    document().query_selector(selector).ok().flatten()
}

/// Sets or removes an attribute, and leaves it alone where it is right already: an untouched attribute costs no style.
pub fn set(element: &Element, name: &str, value: Option<&str>) {
    if element.get_attribute(name).as_deref() == value {
        return;
    }
    // Neither can fail: the names are ours and well-formed.
    let _ = match value {
        Some(value) => element.set_attribute(name, value),
        None => element.remove_attribute(name),
    };
    // Once a visitor has touched a field, its attributes alone no longer decide what it shows.
    if let Some(input) = element.dyn_ref::<HtmlInputElement>() {
        match name {
            "value" => input.set_value(value.unwrap_or_default()),
            "checked" => input.set_checked(value.is_some()),
            _ => {}
        }
    }
}

fn bring_into_line(element: &Element, markup: &str) {
    let Some(template) = document().create_element("template").ok().and_then(|made| made.dyn_into().ok()) else {
        return;
    };
    let template: HtmlTemplateElement = template;
    template.set_inner_html(markup);
    if let Some(wanted) = template.content().first_element_child() {
        align(element, &wanted);
    }
}

fn align(element: &Element, wanted: &Element) {
    for name in element.get_attribute_names().iter().filter_map(|name| name.as_string()) {
        // Whether details are open is for the visitor to say.
        if name != "open" && !wanted.has_attribute(&name) {
            set(element, &name, None);
        }
    }
    for name in wanted.get_attribute_names().iter().filter_map(|name| name.as_string()) {
        set(element, &name, wanted.get_attribute(&name).as_deref());
    }
    align_children(element, wanted);
}

fn align_children(parent: &Node, wanted_parent: &Node) {
    let mut here = parent.first_child();
    let mut next = wanted_parent.first_child();
    while let Some(wanted) = next {
        next = wanted.next_sibling();
        // What is gone goes first, so that nothing behind it is moved: a moved element loses its focus and is announced anew.
        while let Some(gone) =
            here.clone().filter(|here| key(here).is_some() && counterpart(Some(wanted.clone()), here).is_none())
        {
            here = gone.next_sibling();
            let _ = parent.remove_child(&gone);
        }
        let Some(same) = counterpart(here.clone(), &wanted) else {
            // Moves it here from the template.
            let _ = parent.insert_before(&wanted, here.as_ref());
            continue;
        };
        if here.as_ref() == Some(&same) {
            here = same.next_sibling();
        } else {
            let _ = parent.insert_before(&same, here.as_ref());
        }
        match (same.dyn_ref::<Element>(), wanted.dyn_ref::<Element>()) {
            (Some(element), Some(wanted)) => align(element, wanted),
            _ if same.node_value() != wanted.node_value() => same.set_node_value(wanted.node_value().as_deref()),
            _ => {}
        }
    }
    while let Some(left_over) = here {
        here = left_over.next_sibling();
        let _ = parent.remove_child(&left_over);
    }
}

/// The node at hand or behind it that becomes `wanted`: the one of the same key, or without a key the one at hand if it is
/// of the same kind.
fn counterpart(here: Option<Node>, wanted: &Node) -> Option<Node> {
    let key = key(wanted);
    if key.is_none() {
        return here.filter(|here| here.node_name() == wanted.node_name() && self::key(here).is_none());
    }
    let mut candidate = here;
    while let Some(node) = candidate {
        if self::key(&node) == key {
            return Some(node);
        }
        candidate = node.next_sibling();
    }
    None
}

fn key(node: &Node) -> Option<String> {
    node.dyn_ref::<Element>()?.get_attribute(KEY)
}

//! Files do not depend on each other in a circle, neither directly nor by way of others. So each file can be read,
//! tested and changed with only the files that it uses.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    arrows::{Arrows, arrows},
    source::crates,
};

/// The circles that exist today, each as the sorted list of its files inside `src`. A circle that no longer exists must
/// be removed from this list.
const KNOWN: &[&[&str]] = &[];

/// Groups of files that can all be reached from each other. Each group is sorted.
pub fn circles(arrows: &Arrows) -> BTreeSet<Vec<String>> {
    let mut used: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (user, file) in arrows {
        used.entry(user).or_default().push(file);
    }
    let reached: BTreeMap<&str, BTreeSet<&str>> = used.keys().map(|file| (*file, reach(file, &used))).collect();
    let is_back = |file: &str, other: &str| reached.get(other).is_some_and(|back| back.contains(file));
    reached
        .iter()
        .filter(|(file, others)| others.contains(*file))
        .map(|(file, others)| {
            others.iter().filter(|other| is_back(file, other)).map(|file| (*file).to_owned()).collect()
        })
        .collect()
}

/// All files that a file uses, directly or by way of others.
fn reach<'a>(file: &'a str, used: &BTreeMap<&'a str, Vec<&'a str>>) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![file];
    while let Some(user) = waiting.pop() {
        waiting.extend(used.get(user).into_iter().flatten().filter(|file| reached.insert(**file)));
    }
    reached
}

#[test]
fn files_do_not_run_in_circles() {
    let known: Vec<Vec<String>> =
        KNOWN.iter().map(|circle| circle.iter().map(|file| format!("src/{file}")).collect()).collect();
    let mut wrong = Vec::new();
    let mut found = BTreeSet::new();
    for (folder, files) in crates() {
        let whole = |file: String| format!("{folder}/{file}");
        let arrows = arrows(&files).into_iter().map(|(from, to)| (whole(from), whole(to))).collect();
        for circle in circles(&arrows) {
            if !known.contains(&circle) {
                let inside = arrows.iter().filter(|(from, to)| circle.contains(from) && circle.contains(to));
                wrong.extend(inside.map(|(from, to)| format!("in a circle: {from} uses {to}")));
            }
            found.insert(circle);
        }
    }
    wrong.extend(known.iter().filter(|circle| !found.contains(*circle)).map(|circle| format!("is gone: {circle:?}")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_files<const COUNT: usize>(files: [(&str, &str); COUNT]) -> Vec<Vec<String>> {
        let files = files.map(|(file, text)| (file.to_owned(), text.to_owned())).into();
        circles(&arrows(&files)).into_iter().collect()
    }

    #[test]
    fn two_files_that_use_each_other_are_found() {
        let found = in_files([
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B;"),
            ("b.rs", "fn f() { super::a::g(); }"),
        ]);
        assert_eq!(found, [["a.rs", "b.rs"]]);
    }

    #[test]
    fn a_circle_by_way_of_others_is_found_and_only_its_files_are_told() {
        let found = in_files([
            ("lib.rs", "mod a; mod b; mod c; mod before; mod behind;"),
            ("a.rs", "use crate::{b::B, behind::E};"),
            ("b.rs", "use super::c;"),
            ("c.rs", "fn f() -> crate::a::A {}"),
            ("before.rs", "use crate::a::A;"),
            ("behind.rs", ""),
        ]);
        assert_eq!(found, [["a.rs", "b.rs", "c.rs"]]);
    }

    #[test]
    fn a_parent_that_does_something_with_its_child_is_in_a_circle_with_it() {
        let parts = ["use self::child::C;", "fn f() { child::g(); }", "pub use child::C; const D: u8 = 0;"];
        for part in parts {
            let parent = format!("mod child; pub struct P; {part}");
            let found = in_files([("a/mod.rs", parent.as_str()), ("a/child.rs", "use super::P;")]);
            assert_eq!(found, [["a/child.rs", "a/mod.rs"]], "{part}");
        }
    }

    #[test]
    fn a_parent_that_only_declares_and_reexports_is_in_no_circle() {
        let parent = ("a/mod.rs", "mod child; mod other; pub use self::{child::C, other::O};");
        assert!(in_files([parent, ("a/child.rs", "use super::O;"), ("a/other.rs", "")]).is_empty());
        let found = in_files([parent, ("a/child.rs", "use super::O;"), ("a/other.rs", "use super::C;")]);
        assert_eq!(found, [["a/child.rs", "a/other.rs"]]);
    }

    #[test]
    fn what_is_no_use_makes_no_circle() {
        let child = "// use super::P;\n/* crate::a::P */ const T: &str = \"crate::a::P\"; pub(in crate::a) fn f() {}
            #[cfg(test)] mod tests { use super::super::P; }";
        let parent = "mod child; pub struct P; fn f() { child::f(); }";
        assert!(in_files([("lib.rs", "mod a;"), ("a/mod.rs", parent), ("a/child.rs", child)]).is_empty());
    }
}

//! Decides which pages of one browser may open a stream. Pure.
//!
//! Where the browser has locks, one page leads each sale. It holds the sale's lock and, for its stream, one of a few
//! slots. The other pages of the sale follow: the leading page passes on what it hears. Where the browser has no locks,
//! each page has a stream of its own, as long as it hears of few enough others.

use super::{
    census::Census,
    connection::MAX_STREAMS,
    locks::{Answer, Manner},
};

/// When the leading page was silent for this many ticks, another page takes the lead from it.
const PATIENCE_TICKS: u8 = 3;

/// A lock to ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wish {
    /// The lead of the sale.
    Lead(Manner),
    /// One of the slots for streams, counted from 0.
    Slot(u8),
}

/// How it is decided which pages may have a stream.
#[derive(Debug)]
pub enum Turn<H> {
    Locks(Lead<H>),
    Census(Census),
}

/// Which locks a page holds. Dropping an `H` gives its lock back.
#[derive(Debug)]
pub struct Lead<H> {
    lead: Option<H>,
    slot: Option<H>,
    /// Whether this page waits in line for the lead.
    is_in_line: bool,
    /// Whether a request for a slot has not been answered yet.
    is_asking: bool,
    next_slot: u8,
    /// How many slots in a row were refused.
    refused: u8,
    /// Ticks since the last message of the leading page.
    silent_ticks: u8,
}

impl<H> Lead<H> {
    pub const fn new() -> Self {
        Self { lead: None, slot: None, is_in_line: false, is_asking: false, next_slot: 0, refused: 0, silent_ticks: 0 }
    }

    /// What a visible page has to ask for now.
    fn wish(&mut self) -> Option<Wish> {
        if self.lead.is_some() {
            if self.slot.is_some() || self.is_asking || self.refused == MAX_STREAMS {
                return None;
            }
            self.is_asking = true;
            return Some(Wish::Slot(self.next_slot));
        }
        if !self.is_in_line {
            self.is_in_line = true;
            return Some(Wish::Lead(Manner::Wait));
        }
        if self.silent_ticks < PATIENCE_TICKS {
            return None;
        }
        self.silent_ticks = 0;
        Some(Wish::Lead(Manner::Seize))
    }

    fn answer(&mut self, wish: Wish, answer: Answer<H>, is_hidden: bool) {
        if matches!(wish, Wish::Lead(Manner::Wait)) {
            self.is_in_line = false;
        }
        match (wish, answer) {
            // The page was hidden meanwhile: it drops the lead, so that the next page in line gets it.
            (Wish::Lead(_), Answer::Given(_)) if is_hidden => {}
            (Wish::Lead(_), Answer::Given(lead)) => (self.lead, self.refused) = (Some(lead), 0),
            (Wish::Lead(_), _) => self.step_back(),
            (Wish::Slot(_), Answer::Given(slot)) => {
                self.is_asking = false;
                self.slot = Some(slot).filter(|_| self.lead.is_some());
            }
            (Wish::Slot(slot), _) => {
                self.is_asking = false;
                self.next_slot = (slot + 1) % MAX_STREAMS;
                self.refused += 1;
            }
        }
    }

    fn step_back(&mut self) {
        (self.lead, self.slot) = (None, None);
    }
}

impl<H> Turn<H> {
    /// To be called at a fixed interval: other pages' silence is counted in ticks.
    pub fn tick(&mut self) {
        match self {
            Self::Locks(lead) => lead.silent_ticks = lead.silent_ticks.saturating_add(1),
            Self::Census(census) => census.tick(),
        }
    }

    /// What to ask for now. A hidden page asks for nothing and gives its locks back, so that a visible page can lead.
    pub fn wish(&mut self, is_hidden: bool) -> Option<Wish> {
        match self {
            Self::Locks(lead) if is_hidden => {
                lead.step_back();
                None
            }
            Self::Locks(lead) => lead.wish(),
            Self::Census(_) => None,
        }
    }

    pub fn answer(&mut self, wish: Wish, answer: Answer<H>, is_hidden: bool) {
        if let Self::Locks(lead) = self {
            lead.answer(wish, answer, is_hidden);
        }
    }

    /// Allows the page to ask for all slots once more.
    pub const fn try_slots(&mut self) {
        if let Self::Locks(lead) = self {
            lead.refused = 0;
        }
    }

    /// The leading page has sent a message.
    pub const fn hear_leader(&mut self) {
        if let Self::Locks(lead) = self {
            lead.silent_ticks = 0;
        }
    }

    /// Another page has a stream of its own.
    pub fn hear_viewer(&mut self, page: u32) {
        if let Self::Census(census) = self {
            census.hear(page);
        }
    }

    /// Whether this page may have a stream now. `has_stream` says whether it has one.
    pub fn may_stream(&self, has_stream: bool) -> bool {
        match self {
            Self::Locks(lead) => lead.slot.is_some(),
            Self::Census(census) => census.may_stream(has_stream),
        }
    }

    /// The number under which other pages count this page's stream. `None` with locks, where nobody counts.
    pub const fn number(&self) -> Option<u32> {
        match self {
            Self::Locks(_) => None,
            Self::Census(census) => Some(census.number()),
        }
    }

    /// Whether other pages follow this one.
    pub const fn leads(&self) -> bool {
        matches!(self, Self::Locks(Lead { lead: Some(_), .. }))
    }

    /// Whether this page gets its news from the leading page.
    pub const fn follows(&self) -> bool {
        matches!(self, Self::Locks(Lead { lead: None, .. }))
    }

    /// Whether a following page has heard nothing for longer than a leading page is ever silent.
    pub const fn is_deserted(&self) -> bool {
        matches!(self, Self::Locks(Lead { lead: None, silent_ticks, .. }) if *silent_ticks > PATIENCE_TICKS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAD: Wish = Wish::Lead(Manner::Wait);
    const SEIZE: Wish = Wish::Lead(Manner::Seize);

    fn page() -> Turn<()> {
        Turn::Locks(Lead::new())
    }

    /// A leading page with a slot.
    fn leader() -> Turn<()> {
        let mut page = page();
        assert_eq!(page.wish(false), Some(LEAD));
        page.answer(LEAD, Answer::Given(()), false);
        assert_eq!(page.wish(false), Some(Wish::Slot(0)));
        page.answer(Wish::Slot(0), Answer::Given(()), false);
        page
    }

    #[test]
    fn a_page_asks_for_the_lead_once_and_then_for_a_slot() {
        let mut page = leader();
        assert!(page.leads() && page.may_stream(false));
        assert_eq!(page.wish(false), None);
    }

    #[test]
    fn a_page_that_follows_waits_as_long_as_it_hears_the_leader() {
        let mut page = page();
        assert_eq!(page.wish(false), Some(LEAD));
        for _ in 0..20 {
            page.tick();
            page.hear_leader();
            assert_eq!(page.wish(false), None);
        }
        assert!(page.follows() && !page.may_stream(false) && !page.is_deserted());
    }

    #[test]
    fn a_leader_that_stands_still_loses_the_lead() {
        let mut page = page();
        page.wish(false);
        let wishes: Vec<_> = (0..4)
            .map(|_| {
                page.tick();
                page.wish(false)
            })
            .collect();
        assert_eq!(wishes, [None, None, Some(SEIZE), None]);
        page.answer(SEIZE, Answer::Given(()), false);
        assert!(page.leads());
    }

    #[test]
    fn who_has_lost_the_lead_has_no_stream_and_stands_in_line_again() {
        let mut page = leader();
        page.answer(LEAD, Answer::Lost, false);
        assert!(page.follows() && !page.may_stream(true));
        assert_eq!(page.wish(false), Some(LEAD));
    }

    #[test]
    fn a_hidden_page_gives_the_lead_back_and_takes_none() {
        let mut page = leader();
        assert_eq!(page.wish(true), None);
        assert!(page.follows() && !page.may_stream(true));
        assert_eq!(page.wish(false), Some(LEAD));
        page.answer(LEAD, Answer::Given(()), true);
        assert!(page.follows());
        assert_eq!(page.wish(false), Some(LEAD), "back in view it asks again");
    }

    #[test]
    fn a_hidden_page_never_takes_the_lead_from_another() {
        let mut page = page();
        page.wish(false);
        for _ in 0..20 {
            page.tick();
            assert_eq!(page.wish(true), None);
        }
        assert!(page.is_deserted());
    }

    #[test]
    fn every_slot_is_asked_for_once_until_it_is_time_to_try_again() {
        let mut page = page();
        page.wish(false);
        page.answer(LEAD, Answer::Given(()), false);
        for slot in 0..MAX_STREAMS {
            assert_eq!(page.wish(false), Some(Wish::Slot(slot)));
            assert_eq!(page.wish(false), None, "one question at a time");
            page.answer(Wish::Slot(slot), Answer::Refused, false);
        }
        assert!(page.leads() && !page.may_stream(false));
        assert_eq!(page.wish(false), None);
        page.try_slots();
        assert_eq!(page.wish(false), Some(Wish::Slot(0)));
    }

    #[test]
    fn a_slot_that_comes_too_late_is_given_back() {
        let mut page = page();
        page.wish(false);
        page.answer(LEAD, Answer::Given(()), false);
        page.wish(false);
        page.wish(true);
        page.answer(Wish::Slot(0), Answer::Given(()), true);
        assert!(!page.may_stream(false));
    }
}

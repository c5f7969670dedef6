//! Whose turn it is to open a stream, among the pages of one browser. Pure.
//!
//! Where the browser has locks, one page leads each sale: it holds the sale's lock and, for its stream, one of a few slots.
//! The other pages of the sale follow: it passes on what it hears. Where the browser has no locks, each page has a stream of
//! its own, as long as it hears of few enough others.

use super::{
    census::Census,
    connection::MAX_STREAMS,
    locks::{Answer, Manner},
};

/// Ticks without a word from the page that leads, after which another page takes the lead from it.
const PATIENCE_TICKS: u8 = 3;

/// A lock to ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wish {
    /// The lead of the sale.
    Lead(Manner),
    /// One of the slots for streams, counted from 0.
    Slot(u8),
}

/// Who decides.
#[derive(Debug)]
pub enum Turn<H> {
    Locks(Lead<H>),
    Census(Census),
}

/// What a page has of the locks. `H` holds a lock for as long as it lives.
#[derive(Debug)]
pub struct Lead<H> {
    lead: Option<H>,
    slot: Option<H>,
    /// Whether this page stands in line for the lead.
    is_in_line: bool,
    /// Whether the question for a slot has not been answered yet.
    is_asking: bool,
    next_slot: u8,
    /// Slots that were refused in a row.
    refused: u8,
    /// Ticks since the page that leads was heard.
    silent_ticks: u8,
}

impl<H> Lead<H> {
    pub const fn new() -> Self {
        Self { lead: None, slot: None, is_in_line: false, is_asking: false, next_slot: 0, refused: 0, silent_ticks: 0 }
    }

    /// What a page that is in view has to ask for now.
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
            // A page that was put out of view meanwhile gives the lead on.
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
    /// Some time has passed.
    pub fn tick(&mut self) {
        match self {
            Self::Locks(lead) => lead.silent_ticks = lead.silent_ticks.saturating_add(1),
            Self::Census(census) => census.tick(),
        }
    }

    /// What to ask for now, and nothing while the page is hidden: it gives back what it has, so that a page in view leads.
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

    /// All slots may be asked for once more.
    pub const fn try_slots(&mut self) {
        if let Self::Locks(lead) = self {
            lead.refused = 0;
        }
    }

    /// The page that leads was heard.
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

    /// The number by which other pages count this one's stream, where they do.
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

    /// Whether this page hears by another one, as far as that one speaks.
    pub const fn follows(&self) -> bool {
        matches!(self, Self::Locks(Lead { lead: None, .. }))
    }

    /// Whether a page that follows has heard nothing for longer than a page that leads is silent.
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

    /// A page that leads and has a slot.
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

use super::*;
use crate::event::EventAction;
use signet_base::Uuid;

fn budgets(rate: &str) -> Budgets {
    let limits = Limits {
        sessions: Rate::parse(rate),
        exempt: vec![("192.0.2.0".parse().unwrap(), 24)],
        ..Limits::default()
    };
    Budgets::new(limits, &Metrics::default())
}
fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

#[test]
fn the_share_of_a_prefix_is_used_up_for_it_and_for_no_other() {
    let all = budgets("30/hour");
    for who in 0..30 {
        all.check(BudgetKind::Session, ip("198.51.100.7"), at(0)).unwrap();
        all.charge(BudgetKind::Session, ip("198.51.100.7"), who, 1.0, at(0));
    }
    assert!(matches!(
        all.check(BudgetKind::Session, ip("::ffff:198.51.100.7"), at(0)),
        Err(Error::TooMany { wait: 120 })
    ));
    all.check(BudgetKind::Session, ip("198.51.100.8"), at(0)).unwrap();
    // One comes back every two minutes.
    assert!(all.check(BudgetKind::Session, ip("198.51.100.7"), at(119)).is_err());
    all.check(BudgetKind::Session, ip("198.51.100.7"), at(121)).unwrap();
}
#[test]
fn of_ipv6_the_network_counts_and_the_site_with_a_larger_share() {
    let all = budgets("10/hour");
    for n in 0..10u64 {
        all.charge(BudgetKind::Session, ip(&format!("2001:db8:1:1::{n}")), n, 1.0, at(0));
    }
    assert!(all.check(BudgetKind::Session, ip("2001:db8:1:1:ffff::1"), at(0)).is_err());
    all.check(BudgetKind::Session, ip("2001:db8:1:2::1"), at(0)).unwrap();
    for n in 2..5u64 {
        (0..10)
            .for_each(|_| all.charge(BudgetKind::Session, ip(&format!("2001:db8:1:{n}::1")), n, 1.0, at(0)));
    }
    assert!(
        all.check(BudgetKind::Session, ip("2001:db8:1:9::1"), at(0)).is_err(),
        "four networks' worth for one site"
    );
    all.check(BudgetKind::Session, ip("2001:db8:2:1::1"), at(0)).unwrap();
}
#[test]
fn success_frees_what_the_same_person_was_charged_and_no_more() {
    let all = budgets("10/hour");
    let office = ip("198.51.100.7");
    for person in 0..500 {
        all.check(BudgetKind::Session, office, at(0)).unwrap();
        all.charge(BudgetKind::Session, office, person, 1.0, at(0));
        all.give_back(BudgetKind::Session, office, person, at(1));
    }
    (0..10).for_each(|victim| all.charge(BudgetKind::Session, office, 1000 + victim, 1.0, at(2)));
    all.charge(BudgetKind::Session, office, 1, 1.0, at(2));
    all.give_back(BudgetKind::Session, office, 1, at(3));
    all.give_back(BudgetKind::Session, office, 1, at(3));
    assert!(all.check(BudgetKind::Session, office, at(3)).is_err());
    for n in 0..100 {
        all.charge(BudgetKind::Session, ip("192.0.2.9"), n, 1.0, at(0));
    }
    all.check(BudgetKind::Session, ip("192.0.2.9"), at(0)).unwrap();
}
#[test]
fn many_prefixes_take_bounded_room_and_those_that_used_most_are_kept() {
    let all = budgets("10/hour");
    (0..10).for_each(|n| all.charge(BudgetKind::Session, ip("198.51.100.7"), n, 1.0, at(0)));
    for n in 0..40_000u32 {
        all.charge(BudgetKind::Session, IpAddr::from(n.to_be_bytes()), 0, 1.0, at(0));
    }
    assert!(all.buckets().len() <= MANY);
    assert!(all.check(BudgetKind::Session, ip("198.51.100.7"), at(0)).is_err());
}
#[test]
fn a_good_prefix_is_one_from_which_somebody_signed_in_lately() {
    let all = budgets("10/hour");
    let office = ip("198.51.100.7");
    assert!(!all.is_good(office, at(0)));
    all.note_good(office, at(0));
    assert!(all.is_good(office, at(60)) && !all.is_good(office, at(GOOD)));
}
#[test]
fn rates_are_read_as_the_contract_writes_them() {
    assert_eq!(Rate::parse("20/hour"), Some(Rate::hourly(20)));
    assert_eq!(Rate::parse(" 1000 / s"), Some(Rate { count: 1000.0, period: 1.0 }));
    for bad in ["", "20", "x/hour", "0/hour", "-1/hour", "5/", "5/year"] {
        assert_eq!(Rate::parse(bad), None, "{bad}");
    }
}
#[test]
fn redteam_06_of_events_that_repeat_one_a_minute_is_written() {
    let repeats = Repeats::default();
    let of = |about: &str, from: &str| events::EventKey {
        action: EventAction::PolicyExecution,
        app: String::new(),
        about: about.into(),
        prefix: Prefix::of(ip(from)),
    };
    let written = |about: &str, from: &str, secs: i64| {
        repeats.stands_for(of(about, from), Uuid::nil(), at(secs)).is_none()
    };
    assert!(written("flow", "198.51.100.7", 0));
    assert_eq!((0..5000).filter(|n| written("flow", "198.51.100.7", n / 100)).count(), 0);
    assert!(written("other", "198.51.100.7", 0) && written("flow", "198.51.100.8", 0));
    let told = repeats.over(at(60));
    assert_eq!(told.iter().map(|t| t.more).collect::<Vec<_>>(), [5000]);
    assert!(written("flow", "198.51.100.7", 60));
    // Nobody gets more by many different ones.
    assert!((0..1000).filter(|n| written(&n.to_string(), "203.0.113.1", 60)).count() <= 32);
}

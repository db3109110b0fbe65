use super::fixture::{DEADLINE, Switched, builder, host, key, line};
use crate::host::{Host, HostEvent};
use crate::mirror::What;

#[test]
fn a_slow_listener_is_told_how_many_it_missed() {
    let (state, store) = (tempfile::tempdir().unwrap(), Switched::new());
    let host = host(state.path(), store.clone());
    let mut events = host.events();
    for _ in 0..3_000 {
        host.core.mirror.opened("memory", store.clone());
    }
    let Some(HostEvent::Missed(missed)) = events.next_blocking() else {
        panic!("nothing was missed");
    };
    assert!(host.close_blocking(DEADLINE).unwrap().is_empty());
    let mut rest = 0;
    while let Some(event) = events.next_blocking() {
        assert!(matches!(event, HostEvent::Mirror(event) if matches!(event.what, What::Opened)));
        rest += 1;
    }
    assert_eq!(missed + rest, 3_000);
}

#[test]
fn what_fails_is_told_and_what_works_again_too() {
    let (state, store) = (tempfile::tempdir().unwrap(), Switched::away());
    let host = builder(state.path(), store.clone()).build_blocking().unwrap();
    let mut events = host.events();
    host.transcript(key("a")).append_blocking(&[line(1)]).unwrap();
    wait_for(&mut events, |what| matches!(what, What::Failed { tries: 3, .. }));
    store.set_away(false);
    host.retry();
    wait_for(&mut events, |what| matches!(what, What::Recovered { .. }));
    let counts = &host.status()[0].counts;
    assert_eq!((counts.events["failed"], counts.events["recovered"]), (1, 1));
    assert!(host.close_blocking(DEADLINE).unwrap().is_empty());
}

fn wait_for(events: &mut crate::host::Events, is_it: impl Fn(&What) -> bool) {
    loop {
        match events.next_blocking() {
            Some(HostEvent::Mirror(event)) if is_it(&event.what) => return,
            Some(_) => {}
            None => panic!("the host ended first"),
        }
    }
}

#[test]
fn events_end_with_the_host() {
    let state = tempfile::tempdir().unwrap();
    let host: Host = host(state.path(), Switched::new());
    let mut events = host.events();
    assert!(host.close_blocking(DEADLINE).unwrap().is_empty());
    while let Some(event) = events.next_blocking() {
        assert!(matches!(event, HostEvent::Mirror(_)), "{event:?}");
    }
}

//! The file of this repository.

use std::collections::BTreeSet;

use super::{SHIPPED, set, told, valid};
use crate::{Destination, Overrides, QueueKind, Setting, Step, names};

#[test]
fn the_shipped_file_describes_the_names_that_the_programs_use() {
    for shards in [1, 2, 4, 8, 64] {
        let topology = valid(SHIPPED, &set("shards", &shards.to_string()));
        assert_eq!(topology.shards(), Ok(shards));
        let exchanges: BTreeSet<_> = topology
            .exchanges
            .iter()
            .map(|one| one.value.name.clone())
            .collect();
        let queues: BTreeSet<_> = topology
            .queues
            .iter()
            .map(|one| one.value.name.clone())
            .collect();
        let ends = [
            names::REJECTED,
            names::UNROUTED,
            names::UNDELIVERED,
            names::TRADE_DATA,
        ]
        .map(str::to_owned);

        let expected = ends
            .clone()
            .into_iter()
            .chain([names::ALERT.to_owned(), names::shards_exchange(shards)]);
        assert_eq!(exchanges, expected.collect());

        let of_shards = (0..shards).flat_map(|i| {
            [
                names::shard_stream(shards, i),
                names::progress_queue(shards, i),
            ]
        });
        let channels = ["email", "webhook", "stdout"];
        let of_channels = channels.map(names::alert_queue);
        let who_works = channels.map(names::ledger_queue);
        let expected = ends
            .into_iter()
            .chain([names::AUDITORS.to_owned()])
            .chain(of_shards)
            .chain(of_channels)
            .chain(who_works);
        assert_eq!(queues, expected.collect());
        assert!(
            topology
                .queues
                .iter()
                .all(|one| one.value.durable && !one.value.auto_delete)
        );
        assert!(
            topology
                .exchanges
                .iter()
                .all(|one| one.value.durable && !one.value.auto_delete)
        );
    }
}

#[test]
fn the_shipped_super_stream_is_one_that_stream_clients_understand() {
    let topology = valid(SHIPPED, &Overrides::default());
    let exchange = topology
        .exchanges
        .iter()
        .find(|one| one.value.name == names::shards_exchange(4))
        .unwrap();
    assert_eq!(exchange.value.kind.as_str(), "direct");
    assert_eq!(
        exchange.value.arguments["x-super-stream"],
        Setting::Bool(true)
    );
    for i in 0..4 {
        let to = Destination::Queue(names::shard_stream(4, i));
        let binding = &topology
            .bindings
            .iter()
            .find(|one| one.value.to == to)
            .unwrap()
            .value;
        assert_eq!(
            (&binding.from, &binding.key),
            (&names::shards_exchange(4), &i.to_string())
        );
        assert_eq!(
            binding.arguments["x-stream-partition-order"],
            Setting::Int(i64::from(i))
        );
    }
}

#[test]
fn the_shipped_channels_are_a_variable() {
    let topology = valid(SHIPPED, &set("channels", "sms, nagios"));
    let queues: Vec<_> = topology
        .queues
        .iter()
        .map(|one| one.value.name.as_str())
        .collect();
    assert!(queues.contains(&"Aldebaran.Alert.sms") && queues.contains(&"Aldebaran.Alert.nagios"));
    assert!(!queues.contains(&"Aldebaran.Alert.email"));
}

#[test]
fn the_command_line_wins_over_the_environment_and_both_over_the_default() {
    let mut overrides = Overrides::default();
    overrides
        .from_environment
        .push(("ALDEBARAN_SET_SHARDS".to_owned(), "8".to_owned()));
    assert_eq!(valid(SHIPPED, &overrides).shards(), Ok(8));
    overrides
        .from_command_line
        .push(("shards".to_owned(), "2".to_owned()));
    assert_eq!(valid(SHIPPED, &overrides).shards(), Ok(2));
}

#[test]
fn wrong_overrides_name_their_place() {
    let overrides = Overrides {
        from_environment: vec![("ALDEBARAN_SET_SHARD".to_owned(), "8".to_owned())],
        from_command_line: vec![("shards".to_owned(), "many".to_owned())],
        unreadable: vec!["shards".to_owned()],
        profile: None,
    };
    let expected = [
        "--set shards: `many` is wrong: `shards` is a whole number",
        "--set: `shards` is not of the form name=value",
        "ALDEBARAN_SET_SHARD: the file has no variable `shard` (did you mean `shards`?)",
    ];
    assert_eq!(told(SHIPPED, &overrides), expected);
}

#[test]
fn a_plan_creates_nothing_before_what_it_refers_to() {
    let topology = valid(SHIPPED, &Overrides::default());
    let plan = topology.steps();
    assert_eq!(
        plan.len(),
        topology.exchanges.len() + topology.queues.len() + topology.bindings.len()
    );
    let mut there = BTreeSet::new();
    for step in plan {
        match step {
            Step::Exchange(one) => {
                if let Some(Setting::Text(alternate)) =
                    one.value.arguments.get("alternate-exchange")
                {
                    assert!(there.contains(&format!("exchange {alternate}")));
                }
                there.insert(format!("exchange {}", one.value.name));
            }
            Step::Queue(one) => {
                if let Some(Setting::Text(dead)) = one.value.arguments.get("x-dead-letter-exchange")
                {
                    assert!(there.contains(&format!("exchange {dead}")));
                }
                there.insert(format!("queue {}", one.value.name));
            }
            Step::Binding(one) => {
                assert!(there.contains(&format!("exchange {}", one.value.from)));
                assert!(there.contains(&format!("queue {}", one.value.to.name())));
            }
        }
    }
}

/// RabbitMQ 4 drops a message of a quorum queue after 20 returns unless it is told otherwise,
/// 3.10 does not know the word for "never": a progress token must survive on both.
#[test]
fn no_shipped_queue_loses_a_message_to_the_delivery_limit() {
    let topology = valid(SHIPPED, &Overrides::default());
    let quorum = topology
        .queues
        .iter()
        .filter(|one| one.value.kind == QueueKind::Quorum);
    for queue in quorum {
        let limit = queue.value.arguments.get("x-delivery-limit");
        assert_eq!(
            limit,
            Some(&Setting::Int(1_000_000_000)),
            "{}",
            queue.value.name
        );
    }
}

#[test]
fn the_shipped_progress_queues_have_a_single_active_consumer() {
    let topology = valid(SHIPPED, &Overrides::default());
    for i in 0..4 {
        let name = names::progress_queue(4, i);
        let queue = topology
            .queues
            .iter()
            .find(|one| one.value.name == name)
            .unwrap();
        assert_eq!(
            queue.value.arguments["x-single-active-consumer"],
            Setting::Bool(true)
        );
        assert_eq!(queue.value.kind, QueueKind::Quorum);
    }
}

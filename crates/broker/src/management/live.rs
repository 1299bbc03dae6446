//! What a vhost really has.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use topology::{
    Binding, Counts, Object, Parameter, Permission, Policy, Settings, State, TopicPermission, User,
    Vhost,
};

use super::wire::{
    WireBinding, WireCounts, WireExchange, WireLimits, WireParameter, WireQueue, WireUser,
    WireVhost,
};
use super::{Management, ManagementError, PasswordHash};

/// A vhost as it is, and what can be told of passwords.
#[derive(Debug)]
pub struct Live {
    /// The objects. Users have no password here: [`PasswordHash::is_of`] says whether one fits.
    pub state: State,
    /// What the broker keeps of the passwords, by user.
    pub passwords: BTreeMap<String, PasswordHash>,
}

/// The statistics of queues are not asked for: they take the broker long and are seconds old.
const WITHOUT_STATISTICS: [(&str, &str); 1] = [("disable_stats", "true")];

/// What the broker also lists among its parameters, and what is read as what it is.
const OF_OTHER_KINDS: [&str; 3] = ["operator_policy", "policy", "vhost-limits"];

impl Management {
    /// Reads the vhost: exchanges, queues, bindings and policies, and of the other kinds those
    /// that are named in `kinds` (as [`topology::Key::kind`] does). Of those, what the user may
    /// not see is named in [`State::unread`].
    ///
    /// # Errors
    /// When the broker does not answer, or does not let the user see the vhost.
    /// [`ManagementError::Missing`] when there is no such vhost, unless `kinds` has `vhost`.
    pub async fn live(&self, kinds: &BTreeSet<&str>) -> Result<Live, ManagementError> {
        let mut live = Live {
            state: State::default(),
            passwords: BTreeMap::new(),
        };
        match self.messages_meet(&mut live.state).await {
            Err(ManagementError::Missing(_)) if kinds.contains("vhost") => {}
            other => other?,
        }
        let state = &mut live.state;
        if kinds.contains("vhost") {
            self.vhosts(state).await?;
        }
        if kinds.contains("user") {
            self.users(state, &mut live.passwords).await?;
        }
        let here = ["vhosts", self.vhost.as_str()];
        if kinds.contains("permission") {
            let path = [here[0], here[1], "permissions"];
            self.all(
                "permission",
                "administrator",
                &path,
                state,
                |one: Permission| Some(Object::Permission(one)),
            )
            .await?;
        }
        if kinds.contains("topic-permission") {
            let path = [here[0], here[1], "topic-permissions"];
            let topic = |one: TopicPermission| Some(Object::TopicPermission(one));
            self.all("topic-permission", "administrator", &path, state, topic)
                .await?;
        }
        if kinds.contains("parameter") {
            let ours = |one: WireParameter| {
                let ours = one.vhost == self.vhost;
                let other_kind = OF_OTHER_KINDS.contains(&one.component.as_str());
                (ours && !other_kind).then_some(Object::Parameter(Parameter {
                    component: one.component,
                    name: one.name,
                    value: one.value,
                }))
            };
            self.all("parameter", "policymaker", &["parameters"], state, ours)
                .await?;
        }
        Ok(live)
    }

    async fn messages_meet(&self, state: &mut State) -> Result<(), ManagementError> {
        let (exchanges, queues, bindings, policies, operators) = tokio::try_join!(
            self.listed::<WireExchange>("exchanges", &WITHOUT_STATISTICS),
            self.listed::<WireQueue>("queues", &WITHOUT_STATISTICS),
            self.listed::<WireBinding>("bindings", &[]),
            self.listed::<Policy>("policies", &[]),
            self.listed::<Policy>("operator-policies", &[]),
        )?;
        let exchanges = exchanges.into_iter().filter_map(WireExchange::declared);
        let queues = queues.into_iter().filter_map(WireQueue::shared);
        let bindings = bindings.into_iter().filter_map(WireBinding::made);
        let objects = exchanges
            .map(Object::Exchange)
            .chain(queues.map(Object::Queue))
            .chain(bindings.map(Object::Binding))
            .chain(policies.into_iter().map(Object::Policy))
            .chain(operators.into_iter().map(Object::OperatorPolicy));
        for object in objects {
            state.insert(object, None);
        }
        Ok(())
    }

    /// All of a kind in the vhost, in one answer: pages of it would each make the broker look at
    /// the whole again.
    async fn listed<T: DeserializeOwned>(
        &self,
        kind: &str,
        query: &[(&str, &str)],
    ) -> Result<Vec<T>, ManagementError> {
        self.get(&[kind, &self.vhost], query).await
    }

    /// The vhosts that the user may see; one who is no administrator does not see all.
    async fn vhosts(&self, state: &mut State) -> Result<(), ManagementError> {
        let limits: Vec<WireLimits> = self.get(&["vhost-limits"], &[]).await.unwrap_or_default();
        let mut limits: BTreeMap<String, Settings> = limits
            .into_iter()
            .map(|one| (one.vhost, one.value))
            .collect();
        let vhost = |one: WireVhost| {
            // 3.10 writes the word `undefined` for none.
            let kind = one.default_queue_type.filter(|kind| kind != "undefined");
            Some(Object::Vhost(Vhost {
                limits: limits.remove(&one.name).unwrap_or_default(),
                name: one.name,
                description: one.description,
                tags: Some(one.tags),
                default_queue_type: kind,
            }))
        };
        self.all("vhost", "administrator", &["vhosts"], state, vhost)
            .await?;
        if !self.is_administrator().await? {
            let why = "only an administrator sees all vhosts".to_owned();
            state.unread.insert("vhost", why);
        }
        Ok(())
    }

    async fn users(
        &self,
        state: &mut State,
        passwords: &mut BTreeMap<String, PasswordHash>,
    ) -> Result<(), ManagementError> {
        self.all(
            "user",
            "administrator",
            &["users"],
            state,
            |one: WireUser| {
                let hash = PasswordHash {
                    hash: one.password_hash,
                    algorithm: one.hashing_algorithm.unwrap_or_default(),
                };
                passwords.insert(one.name.clone(), hash);
                Some(Object::User(User {
                    name: one.name,
                    tags: one.tags,
                    password: None,
                }))
            },
        )
        .await
    }

    /// Every object of a kind that not every user may see.
    async fn all<T: DeserializeOwned>(
        &self,
        kind: &'static str,
        tag: &str,
        path: &[&str],
        state: &mut State,
        object: impl FnMut(T) -> Option<Object>,
    ) -> Result<(), ManagementError> {
        match self.get::<Vec<T>>(path, &[]).await {
            Ok(found) => {
                for object in found.into_iter().filter_map(object) {
                    state.insert(object, None);
                }
                Ok(())
            }
            Err(ManagementError::Denied(words)) => {
                let why = format!("the user needs the tag {tag} for it ({words})");
                state.unread.insert(kind, why);
                Ok(())
            }
            // The vhost itself is missing.
            Err(ManagementError::Missing(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn is_administrator(&self) -> Result<bool, ManagementError> {
        let user: WireUser = self.get(&["whoami"], &[]).await?;
        Ok(user.tags.contains("administrator"))
    }

    /// The bindings that lead from an exchange; none when there is no such exchange.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn bindings_from(&self, exchange: &str) -> Result<Vec<Binding>, ManagementError> {
        let path = ["exchanges", &self.vhost, exchange, "bindings", "source"];
        match self.get::<Vec<WireBinding>>(&path, &[]).await {
            Ok(found) => Ok(found.into_iter().filter_map(WireBinding::made).collect()),
            Err(ManagementError::Missing(_)) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// What each queue of the vhost holds, unacknowledged messages included, by statistics that
    /// may be some seconds old. A queue that is not counted yet is not among them.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn counts(&self) -> Result<BTreeMap<String, Counts>, ManagementError> {
        let columns = [("columns", "name,messages,consumers")];
        let found: Vec<WireCounts> = self.listed("queues", &columns).await?;
        let known = found.into_iter().filter_map(WireCounts::known);
        Ok(known.collect())
    }
}

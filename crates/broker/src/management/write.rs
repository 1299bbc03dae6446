//! Changing what the management API alone can change.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use topology::{
    Binding, Destination, Key, Object, Secret, Setting, Settings, TopicPermission, User, Vhost,
};

use super::wire::WireBinding;
use super::{Management, ManagementError, PasswordHash};

/// Texts that stand elsewhere, by where they stand.
type Secrets = BTreeMap<Secret, String>;

impl Management {
    /// Creates an object, or changes it to this. `live` is how it is now, `kept` the password
    /// that a user keeps when the file names none, `secrets` what the places of the secrets in
    /// it hold.
    ///
    /// # Errors
    /// When the broker refuses or does not answer.
    pub async fn put_object(
        &self,
        object: &Object,
        live: Option<&Object>,
        kept: Option<&PasswordHash>,
        secrets: &Secrets,
    ) -> Result<(), ManagementError> {
        let vhost = self.vhost.as_str();
        match object {
            Object::Vhost(one) => self.put_vhost(one, live).await,
            Object::User(one) => {
                let body = user(one, kept, secrets)?;
                self.put(&["users", &one.name], &body).await
            }
            Object::Permission(one) => {
                let body = json!({
                    "configure": one.configure, "write": one.write, "read": one.read,
                });
                self.put(&["permissions", vhost, &one.user], &body).await
            }
            Object::TopicPermission(one) => self.put_topic_permission(one).await,
            Object::Parameter(one) => {
                let value = revealed(&one.value, secrets)?;
                let body = json!({
                    "component": one.component, "vhost": vhost, "name": one.name, "value": value,
                });
                let path = ["parameters", one.component.as_str(), vhost, &one.name];
                self.put(&path, &body).await
            }
            Object::Policy(one) => self.put(&["policies", vhost, &one.name], &json!(one)).await,
            Object::OperatorPolicy(one) => {
                let path = ["operator-policies", vhost, one.name.as_str()];
                self.put(&path, &json!(one)).await
            }
            Object::Exchange(one) => {
                let body = json!({
                    "type": one.kind.as_str(), "durable": one.durable,
                    "auto_delete": one.auto_delete, "internal": one.internal,
                    "arguments": one.arguments,
                });
                self.put(&["exchanges", vhost, &one.name], &body).await
            }
            Object::Queue(one) => {
                let body = json!({
                    "durable": one.durable, "auto_delete": one.auto_delete,
                    "arguments": one.arguments,
                });
                self.put(&["queues", vhost, &one.name], &body).await
            }
            Object::Binding(one) => self.bind(one).await,
        }
    }

    /// Deletes an object that is neither exchange nor queue; what is gone already is no error.
    /// Exchanges and queues are deleted over AMQP, which can look first at what they hold.
    ///
    /// # Errors
    /// When the broker refuses or does not answer.
    pub async fn delete_object(&self, key: &Key) -> Result<(), ManagementError> {
        let vhost = self.vhost.as_str();
        match key {
            Key::Vhost(name) => self.delete(&["vhosts", name]).await,
            Key::User(name) => self.delete(&["users", name]).await,
            Key::Permission(user) => self.delete(&["permissions", vhost, user]).await,
            Key::TopicPermission(user, exchange) => {
                self.delete_topic_permission(user, exchange).await
            }
            Key::Parameter(component, name) => {
                self.delete(&["parameters", component, vhost, name]).await
            }
            Key::Policy(name) => self.delete(&["policies", vhost, name]).await,
            Key::OperatorPolicy(name) => self.delete(&["operator-policies", vhost, name]).await,
            Key::Binding(binding) => self.unbind(binding).await,
            Key::Exchange(name) | Key::Queue(name) => Err(ManagementError::Refused(format!(
                "{name} is deleted over AMQP, which can look at what it holds"
            ))),
        }
    }

    async fn put_vhost(&self, vhost: &Vhost, live: Option<&Object>) -> Result<(), ManagementError> {
        let mut body = serde_json::Map::new();
        if let Some(description) = &vhost.description {
            body.insert("description".to_owned(), json!(description));
        }
        if let Some(tags) = &vhost.tags {
            let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
            body.insert("tags".to_owned(), json!(tags.join(",")));
        }
        if let Some(kind) = &vhost.default_queue_type {
            // 3.10 reads the one and writes the other.
            body.insert("defaultqueuetype".to_owned(), json!(kind));
            body.insert("default_queue_type".to_owned(), json!(kind));
        }
        self.put(&["vhosts", &vhost.name], &Value::Object(body))
            .await?;
        for (name, limit) in &vhost.limits {
            let path = ["vhost-limits", vhost.name.as_str(), name];
            self.put(&path, &json!({ "value": limit })).await?;
        }
        let before = match live {
            Some(Object::Vhost(before)) => &before.limits,
            _ => &Settings::new(),
        };
        for name in before
            .keys()
            .filter(|name| !vhost.limits.contains_key(*name))
        {
            self.delete(&["vhost-limits", &vhost.name, name]).await?;
        }
        Ok(())
    }

    async fn put_topic_permission(&self, one: &TopicPermission) -> Result<(), ManagementError> {
        let path = ["topic-permissions", self.vhost.as_str(), &one.user];
        let body = json!({ "exchange": one.exchange, "write": one.write, "read": one.read });
        self.put(&path, &body).await
    }

    /// The API deletes those of all exchanges at once, so the others are put back.
    async fn delete_topic_permission(
        &self,
        user: &str,
        exchange: &str,
    ) -> Result<(), ManagementError> {
        let path = ["topic-permissions", self.vhost.as_str(), user];
        let mut others: Vec<TopicPermission> = self.get(&path, &[]).await?;
        others.retain(|one| one.exchange != exchange);
        self.delete(&path).await?;
        for one in &others {
            self.put_topic_permission(one).await?;
        }
        Ok(())
    }

    /// Makes a binding with any arguments; an existing one stays.
    async fn bind(&self, binding: &Binding) -> Result<(), ManagementError> {
        let body = json!({ "routing_key": binding.key, "arguments": binding.arguments });
        let url = self.url(&self.between(binding));
        let sent = self.send(reqwest::Method::POST, url, Some(&body)).await;
        sent.map(|_| ())
    }

    /// Unbinds by the broker's own key of the binding: JSON does not tell the exact types of its
    /// arguments, which AMQP would have to repeat.
    async fn unbind(&self, binding: &Binding) -> Result<(), ManagementError> {
        let between = self.between(binding);
        let found: Vec<WireBinding> = self.get(&between, &[]).await?;
        for one in found {
            let properties_key = one.properties_key.clone();
            if one.made().as_ref() == Some(binding) {
                let mut path = between.to_vec();
                path.push(&properties_key);
                self.delete(&path).await?;
            }
        }
        Ok(())
    }

    fn between<'a>(&'a self, binding: &'a Binding) -> [&'a str; 6] {
        let kind = match binding.to {
            Destination::Queue(_) => "q",
            Destination::Exchange(_) => "e",
        };
        let (from, to) = (binding.from.as_str(), binding.to.name());
        ["bindings", &self.vhost, "e", from, kind, to]
    }
}

fn user(
    user: &User,
    kept: Option<&PasswordHash>,
    secrets: &Secrets,
) -> Result<Value, ManagementError> {
    let tags: Vec<&str> = user.tags.iter().map(String::as_str).collect();
    let tags = tags.join(",");
    Ok(match (&user.password, kept) {
        (Some(secret), _) => json!({ "tags": tags, "password": text(secret, secrets)? }),
        (None, Some(kept)) => json!({
            "tags": tags, "password_hash": kept.hash, "hashing_algorithm": kept.algorithm,
        }),
        // An empty hash fits no password.
        (None, None) => json!({ "tags": tags, "password_hash": "" }),
    })
}

fn text<'a>(secret: &Secret, secrets: &'a Secrets) -> Result<&'a str, ManagementError> {
    let found = secrets.get(secret).map(String::as_str);
    found.ok_or_else(|| ManagementError::Refused(format!("{secret} is not known")))
}

fn revealed(setting: &Setting, secrets: &Secrets) -> Result<Value, ManagementError> {
    Ok(match setting {
        Setting::Secret(secret) => json!(text(secret, secrets)?),
        Setting::List(items) => {
            let items: Result<Vec<Value>, _> =
                items.iter().map(|item| revealed(item, secrets)).collect();
            Value::Array(items?)
        }
        Setting::Table(settings) => {
            let pairs = settings
                .iter()
                .map(|(name, setting)| Ok((name.clone(), revealed(setting, secrets)?)));
            Value::Object(pairs.collect::<Result<_, ManagementError>>()?)
        }
        other => json!(other),
    })
}

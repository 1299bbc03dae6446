//! A broker's vhost, reached over AMQP and, where there is one, by the management API.

use anyhow::{Context, anyhow};
use broker::{Endpoint, Management, ManagementError, Server};
use program::Fault;

use crate::flags::{PlaceArgs, Where};

/// Where a command works.
pub(crate) struct Place {
    pub(crate) endpoint: Endpoint,
    pub(crate) server: Server,
    pub(crate) management: Result<Management, NoManagement>,
}

/// Why there is no management API.
#[derive(Debug, Clone)]
pub(crate) struct NoManagement(pub(crate) String);

impl Place {
    /// Asks who answers, and looks for the management API.
    ///
    /// # Errors
    /// When the broker is away, or a management API that a person named is.
    pub(crate) async fn open(args: &PlaceArgs) -> Result<Self, Fault> {
        let endpoint = args.endpoint()?;
        let place = args.management(&endpoint)?;
        let server = broker::server(&endpoint)
            .await
            .context("ask the broker who it is")?;
        let management = match place {
            Where::Nowhere(why) => Err(NoManagement(why)),
            Where::Named(there) => {
                let management = Management::new(&there, endpoint.vhost())?;
                same_cluster(&management, &server)
                    .await
                    .map_err(|error| named(&error, endpoint.vhost()))?;
                Ok(management)
            }
            Where::Guessed(there) => {
                let management = Management::new(&there, endpoint.vhost())?;
                match same_cluster(&management, &server).await {
                    Ok(()) => Ok(management),
                    Err(error) => Err(NoManagement(format!("{error:#}"))),
                }
            }
        };
        Ok(Self {
            endpoint,
            server,
            management,
        })
    }

    /// Says to people, once, that there is no management API.
    pub(crate) fn say_what_is_missing(&self) {
        if let Err(NoManagement(why)) = &self.management {
            tracing::warn!(
                why,
                "no management API: AMQP alone cannot tell arguments, bindings and policies"
            );
        }
    }

    /// The broker as plans show it: without user and password, so that two people's plans agree.
    pub(crate) fn name(&self) -> String {
        let shown = self.endpoint.to_string();
        match shown.split_once("://").zip(shown.split_once('@')) {
            Some(((scheme, _), (_, behind))) => format!("{scheme}://{behind}"),
            None => shown,
        }
    }
}

/// The two addresses must be of one cluster: else the plan would be about another broker.
async fn same_cluster(management: &Management, server: &Server) -> anyhow::Result<()> {
    let name = management.cluster_name().await?;
    if name != server.cluster_name {
        return Err(anyhow!(
            "use the management API at {}: it belongs to cluster {name:?}, and the AMQP broker to {:?}; name the right one with --management-url",
            management.endpoint(),
            server.cluster_name
        ));
    }
    Ok(())
}

fn named(error: &anyhow::Error, vhost: &str) -> Fault {
    let remedy = match error.downcast_ref::<ManagementError>() {
        Some(ManagementError::Denied(_)) => format!(
            ": the user needs the tag `management` and a permission in vhost {vhost:?}; or say --management-url none"
        ),
        Some(ManagementError::Unreachable(_)) => {
            ": is the plugin rabbitmq_management enabled there? Or say --management-url none"
                .to_owned()
        }
        _ => String::new(),
    };
    Fault::Exit {
        code: 1,
        message: format!("failed to {error:#}{remedy}"),
    }
}

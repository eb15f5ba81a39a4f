"""A trained network as a service: pictures in over HTTP, answers out, in a log that tells later what happened."""

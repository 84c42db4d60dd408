//! What is taken off attachments, looked at from outside.

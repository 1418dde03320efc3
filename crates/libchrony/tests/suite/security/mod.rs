//! What a chronyd that means harm can send.

mod replies;

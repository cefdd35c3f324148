"""The outbox's tables, which hold their own rules. Times are Unix seconds by the database's clock.

They are made by `migrations`, step by step; here is what its last step leaves. The conditions of indexes are named for
SQLite only: for PostgreSQL they are the same, and naming them would load its dialect into every process.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    case,
    func,
    literal,
    null,
    text,
)

WAITING_STATES = ("queued", "sending", "unknown")
"""States that delivery may act on, once `due_at` has come."""
LEFT_STATES = ("unknown", "refused", "discarded")
"""States in which a row may lie for a person to look at, with all that was said; `ended_at` tells since when."""

RESTORED = "restored"
"""The `held_for` of what waited when a backup was made that has been restored."""
TEST = "test"
"""Why a submission is held that a page marked as a test: it is never delivered, nor can the operator release it."""
NOBODY = "-"
"""The product of a row that `tally` does not count, in the transaction in which it is inserted."""

metadata = MetaData()

schema_version = Table(
    "schema_version",
    metadata,
    Column("only", Integer, primary_key=True),
    Column("version", Integer, nullable=False, comment="The step that a release has to know to work with this."),
    Column("steps", Integer, comment="The number of steps that were taken."),
    Column("engine", String(100), comment="The last of the engine's own migrations, if there is an engine."),
    CheckConstraint("only = 1", name="schema_version_is_one_row"),
)

account = Table(
    "account",
    metadata,
    Column("product", String(50), primary_key=True),
    Column("reason", Text, comment="Why nothing goes through; NULL if submissions do."),
    Column("since", Double, nullable=False, comment="When this state began."),
    Column("last_success", Double, comment="When Insider Connect last answered as it should."),
    Column("misconfigured", Boolean, comment="Waiting does not help: the credentials or the address are wrong."),
)

tally = Table(
    "tally",
    metadata,
    Column("hour", BigInteger, primary_key=True, comment="The beginning of the hour; of the day once it is long ago."),
    Column("event", String(20), primary_key=True, comment="What is counted: accepted, delivered, refused, …"),
    Column("product", String(50), primary_key=True),
    Column("locale", String(35), primary_key=True),
    Column("rating", String(4), primary_key=True, comment="up, down, none; empty if not counted by rating."),
    Column("files", Boolean, primary_key=True),
    Column("detail", String(60), primary_key=True, comment="The reason, or the bucket of the duration."),
    Column("slot", Integer, primary_key=True, comment="Who counted: a connection, on PostgreSQL."),
    Column("count", BigInteger, nullable=False),
    Column("seconds", Double, nullable=False, comment="The sum of the durations."),
)

process = Table(
    "process",
    metadata,
    Column("host", String(100), primary_key=True),
    Column("pid", Integer, primary_key=True),
    Column("role", String(10), nullable=False, comment="web or worker."),
    Column(
        "seen_at", Double, nullable=False, comment="When this was written. A process that is silent for long is gone."
    ),
    Column("gauges", Text, nullable=False, comment="Names and figures, as JSON."),
)

notice = Table(
    "notice",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("channel", String(80), nullable=False, comment="webhook, email, or the events of a product."),
    Column("body", Text, nullable=False, comment="The body, as JSON."),
    Column("made_at", Double, nullable=False),
    Column("due_at", Double, nullable=False, comment="When it may be sent; the claim's end while it is being sent."),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text, comment="Why the last attempt was not accepted."),
)
Index("notice_channel_due", notice.c.channel, notice.c.due_at)

alarm = Table(
    "alarm",
    metadata,
    Column("name", String(80), primary_key=True, comment="The kind of alarm, and its product."),
    Column("words", Text, nullable=False),
    Column("since", Double, nullable=False),
    Column("told_at", Double, nullable=False, comment="When the last notice was queued."),
)

signed_out = Table(
    "signed_out",
    metadata,
    Column("session", String(32), primary_key=True, comment="A session of /ops that was ended before its time."),
    Column("until", Double, nullable=False, comment="When its cookie is no longer valid anyhow."),
)

submission = Table(
    "submission",
    metadata,
    Column("id", String(32), primary_key=True, comment="The form token's own id: one token is one submission."),
    Column("product", String(50), nullable=False),
    Column("state", String(10), nullable=False),
    Column("accepted_at", Double, nullable=False),
    Column("due_at", Double, comment="When it may be tried; while sending, the lease's end; NULL: not automatically."),
    Column("claim", String(32), comment="Who sends it. An outcome is written only under this claim."),
    Column("intent", String(10), comment="The POST that may be in progress; committed before it is made."),
    Column("attempts", Integer, nullable=False),
    Column("separately", Boolean, nullable=False, comment="Send files one by one, because all at once were refused."),
    Column("possible_duplicate", Boolean, nullable=False),
    Column("held_for", String(20), comment="Why it waits for the operator to release it; `due_at` is NULL then."),
    Column("feedback_id", BigInteger),
    Column("last_error", Text, comment="For the operator."),
    Column("told", Text, comment="Insider Connect's own words about a refusal, fit to be shown."),
    Column("ended_at", Double, comment="When it was delivered, refused, discarded or parked."),
    Column("put_back_at", Double, comment="When the operator put it back; from then it is retried like a new one."),
    Column("description", Text),
    Column("email", Text),
    Column("rating", Boolean),
    Column("consent", Boolean),
    Column("consent_version", String(40), comment="The version of the consent text that the person saw."),
    Column("context", Text, comment="The context that the host page gave, as JSON."),
    Column("content_mac", String(64), comment="HMAC of the content; distinguishes a repeat from other content."),
    Column("data_key", String(16), comment="The key that encrypts the content; NULL if that is plain or erased."),
    Column("identity_used", String(64), comment="Hash of a signed identity that may be used only once."),
    Column("locale", String(35), comment="The language of the form."),
    Column("files", Integer, comment="The number of files it came with."),
    Column("request_id", String(32), comment="The request that it came with, as the log names it."),
    Column("traceparent", String(55), comment="The trace that it belongs to (W3C Trace Context)."),
    Column("cause", String(30), comment="Why it is in this state, in one of a few words, for `tally`."),
    CheckConstraint(
        "state IN ('queued', 'sending', 'unknown', 'delivered', 'refused', 'discarded')", name="submission_state"
    ),
    CheckConstraint("intent IN ('create', 'attach')", name="submission_intent"),
    CheckConstraint("(state = 'sending') = (claim IS NOT NULL)", name="submission_claim"),
    CheckConstraint("state <> 'delivered' OR feedback_id IS NOT NULL", name="submission_delivered"),
)


def in_states(*states: str) -> ColumnElement[bool]:
    """Whether a row is in one of these states. They are spelled out in the statement, so that it can use a partial
    index."""
    return submission.c.state.in_([literal(state, literal_execute=True) for state in states])


IS_RESTORED = func.coalesce(submission.c.held_for, "") == RESTORED
"""Whether a row waits since a backup was restored."""
IS_REAL = submission.c.held_for.is_distinct_from(TEST)
"""Not marked as a test, which nobody has to do anything about."""
KEEP_TEST = case((submission.c.held_for == TEST, submission.c.held_for), else_=null())
"""What `held_for` becomes in a row that is given up: a test stays one, so that nobody puts it back."""

Index(
    "submission_due",
    submission.c.due_at,
    sqlite_where=text("state IN ('queued', 'sending', 'unknown')"),
)

Index(
    "submission_delivered_at",
    submission.c.ended_at,
    sqlite_where=text("state = 'delivered'"),
)
Index(
    "submission_context_at",
    submission.c.state,
    submission.c.ended_at,
    sqlite_where=text("context IS NOT NULL"),
)
Index(
    "submission_left_at",
    submission.c.ended_at,
    sqlite_where=text("state IN ('unknown', 'refused', 'discarded')"),
)

Index(
    "submission_data_key",
    submission.c.data_key,
    sqlite_where=submission.c.data_key.is_not(None),
)

Index(
    "submission_identity_used",
    submission.c.identity_used,
    unique=True,
    sqlite_where=submission.c.identity_used.is_not(None),
)

attachment = Table(
    "attachment",
    metadata,
    Column("submission_id", String(32), ForeignKey("submission.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("media_type", String(40), nullable=False),
    Column("size", Integer, nullable=False),
    Column("status", String(10), nullable=False),
    Column("message", Text, comment="Why it was refused."),
    Column("note", String(100), comment="What was removed or found: location_removed, infected."),
    Column("blob", String(32), comment="The name of its bytes; NULL once they are erased."),
    CheckConstraint("status IN ('waiting', 'attached', 'refused')", name="attachment_status"),
)

Index(
    "attachment_kept",
    attachment.c.size,
    sqlite_where=attachment.c.blob.is_not(None),
)

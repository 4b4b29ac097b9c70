"""What is sent to whoever sits an exam: nothing that was said in words, and no figures, as on the day itself."""

from __future__ import annotations

from server.protocol import server_events as e

_NOT_SENT = (
    e.TranscriptPartialMessage,
    e.TranscriptionDelta,
    e.OutputTranscriptDelta,
    e.TurnLatencyMessage,
    e.TurnTimelineMessage,
)


def without_words(event: e.ServerEvent) -> e.ServerEvent | None:
    """Return an event with its words taken out; None for one that is nothing but words or figures."""
    if isinstance(event, _NOT_SENT):
        return None
    match event:
        case e.TranscriptionCompleted():
            return event.model_copy(update={"transcript": "", "logprobs": None})
        case e.OutputTranscriptDone():
            return event.model_copy(update={"transcript": ""})
        case e.TurnIgnoredMessage():
            return event.model_copy(update={"text": ""})
        case e.ContentPartAdded() | e.ContentPartDone():
            return event.model_copy(update={"part": event.part.model_copy(update={"transcript": ""})})
        case e.ItemAdded() | e.ItemDone() | e.ItemRetrieved() | e.OutputItemAdded() | e.OutputItemDone():
            return event.model_copy(update={"item": _item(event.item)})
        case e.ResponseCreated() | e.ResponseDone():
            output = tuple(_item(item) for item in event.response.output)
            return event.model_copy(update={"response": event.response.model_copy(update={"output": output})})
        case _:
            return event


def _item(item: e.Item) -> e.Item:
    content = tuple(
        part if isinstance(part, e.InputTextContent) else part.model_copy(update={"transcript": ""})
        for part in item.content
    )
    return item.model_copy(update={"content": content})

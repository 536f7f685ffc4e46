"""Batches of documents into the searchable chunks of a session (seed 000).

    operations  a file to its chunks: plain values in, plain values out
    chunks      where a text is cut
    words       what counts as one word of a text or a query, and which words are forms of one another
    index       the full text index of both databases
    search      candidates from the index, ranked, with snippets
    store       what is written to the tables, each in one transaction
    status      how a batch or a session stands, told from the best evidence there is; messages says it in two languages
    forgetting  a session is deleted with all that was sent to it, once nothing of it runs
    serializers, views, urls

This room is larger than its siblings in other apps because a session is more than a job's result: it outlives the job.
"""

"""Who speaks when: turn taking, barge-in, the spoken transcript."""

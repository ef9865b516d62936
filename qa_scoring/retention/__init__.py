"""What scores are worth: prediction first, effect apart, value last.

It reads the score tables and a table of outcomes, never the scorer, so scores of any system will
do. Needs the extra ``qa-scoring[retention]``.
"""

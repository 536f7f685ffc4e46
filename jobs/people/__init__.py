"""What is kept about one person: handed over as a whole (`export.py`), or erased as a whole (`erasure.py`).

registry   who a person is here, and `hold`: what an app keeps about people, said in its `people.py`
held       what the engine itself keeps
models     Erasure: the receipt
"""

"""The paper's claims as experiments: each changes one thing, over several seeds, and says what that did, and how surely.

`plan` has the words (arm, contrast, claim, scale), `claims` the claims themselves; `lab` makes runs of them, `running`
trains these, `trained` is what is read off a finished one; `report` and `chart` say what came out.
"""

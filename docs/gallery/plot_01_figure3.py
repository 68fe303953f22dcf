"""
Figure 3, learned online
========================

Prose.
"""

# %%
# Let.
import pylinear as pl

print(pl.__all__[:2])

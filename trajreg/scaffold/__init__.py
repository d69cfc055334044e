"""`trajreg new`: every file that a new figure, net, measure or activation needs, for all profiles, and a test.

new          `new`: write them all, or nothing
changes      `Changes`: new files and lines added to others, held until all is known to be possible
figure, code what each needs
templates/   the texts
"""

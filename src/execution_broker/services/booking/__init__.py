"""Booking: everything that takes, keeps or gives back capacity passes through one desk (B1-B8).

`desk` takes the locks once for all errands that wait, `scene` is what is locked, as it is and as
it will be, `calendars` tell what is booked without counting. The errands decide in memory, one
after another: `answering` requests, `choosing` between offers, `changing` what was offered.
"""

"""The phone of the tests and the demo: JavaRosa fills forms, a client of Collect's manners sends them."""

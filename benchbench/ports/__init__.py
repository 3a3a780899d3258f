"""Do two networks, each in a file of the user's own, train the same function?"""

"""Who is signed in, as an app file knows them."""

"""What an author puts beside the app file for its looks: colours, pictures, and a readme."""

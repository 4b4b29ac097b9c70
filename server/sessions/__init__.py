"""The sessions of this server: who is let in, who is who, what drives them, where they are kept, and their life."""

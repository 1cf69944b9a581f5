import backlit.data
import backlit.utils.data


def test_pytorchs_path_leads_to_the_same_things():
    for name in backlit.utils.data.__all__:
        assert getattr(backlit.utils.data, name) is getattr(backlit.data, name)
